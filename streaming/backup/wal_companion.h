#pragma once

#include <chrono>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <thread>

#include "catalog/io/progress.h"
#include "catalog/records/stream_state.h"
#include "streaming/receive/wal_receiver.h"

namespace pgkeep::streaming {

/// How long a backup bears it that no WAL is received.
struct WalPatience {
  /// Before anything is copied. Longer than wal_sender_timeout, for which a connection that broke off keeps
  /// the slot in use.
  std::chrono::seconds before_copying{120};
  /// Afterwards: what was copied is not thrown away because a server is started again.
  std::chrono::seconds after_copying{3600};
};

/// Sees to it that WAL arrives while a backup is taken: by the receiver that runs for the server already, or,
/// when none does (or it ends meanwhile), by one of its own that lives as long as this object; without
/// settings for one of its own it waits until another runs. Threads: the backup's, besides its own.
class WalCompanion final : private WalReceiverObserver {
 public:
  WalCompanion(const store::ServerLayout& layout, const catalog::ServerIdentity& identity,
               std::optional<WalReceiverSettings> own_receiver, io::ProgressObserver& observer,
               std::stop_token stop, WalPatience patience = {});
  ~WalCompanion() override;
  WalCompanion(const WalCompanion&) = delete;
  WalCompanion& operator=(const WalCompanion&) = delete;

  /// Returns once WAL is being received. Throws what ended the receiver, or Interrupted; Error when the
  /// receiver, here or in another process, gets nothing unless somebody does something, or gets nothing for
  /// longer than is borne.
  void wait_until_streaming();
  /// Returns once all WAL from start to end is kept: in whole archived segments, or, where the last one is
  /// never ended (a standby cannot do it, and a server that was promoted continues in the next timeline's),
  /// durably in a partial one. Throws Error when some of it never comes: it is known to be lost, the server
  /// went over to another timeline before the end, or nothing is received for longer than is borne.
  void wait_until_kept(const postgres::WalPosition& start, const postgres::WalPosition& end,
                       bool from_standby);

 private:
  void connected(const Connection& connection, const SystemInfo& system) override;
  void streaming_from(const postgres::WalPosition& position) override;
  void segment_archived(const catalog::SegmentFileHeader& segment) override;
  void timeline_switched(postgres::TimelineId from, postgres::TimelineId to, postgres::Lsn at) override;
  void disconnected(const std::string& why, std::chrono::milliseconds retry_in,
                    bool needs_attention) override;
  void event(const catalog::Event& event) override;
  void warning(const std::string& what) override;

  using Clock = std::chrono::steady_clock;
  /// Starts a receiver of our own when nobody receives; throws what ended ours.
  void look_after_receiver();
  /// Whether WAL is being received, by ours or another, as far as it can be known.
  bool receives();
  /// Throws when WAL has not been received for that long.
  void give_up_after(std::chrono::seconds patience);
  std::string why_nothing_comes();
  /// Why the receiver of another process gets no WAL, as its state says.
  std::optional<std::string> trouble_of_other(catalog::StreamPhase phase) const;
  void warn_of_other();
  /// Passes a warning on, if it was not said since WAL was being received last.
  void warn(const std::string& text);
  /// What a backup needs. `line`: the server's, as far as it is known here, for it may have been promoted.
  struct Wanted {
    postgres::WalPosition start;
    postgres::WalPosition end;
    postgres::TimelineHistory line;
  };
  postgres::TimelineHistory line_through(postgres::TimelineId timeline) const;
  bool is_archived(const Wanted& wanted, const postgres::WalSegment& segment) const;
  /// How far what was received is durable, as the receiver says, ours or another.
  std::optional<postgres::WalPosition> flushed() const;
  /// With the bytes that partials hold, when the receiver has told that they are durable.
  bool is_held(const Wanted& wanted) const;
  /// Where the gaps of the line that are known to be lost keep it from coming.
  void refuse_what_is_lost(const Wanted& wanted, const postgres::WalSegment& missing) const;
  void refuse_what_was_left(const Wanted& wanted, const postgres::WalSegment& missing) const;
  /// A moment, or less when something happens.
  void wait_a_moment();

  store::ServerLayout layout_;
  std::optional<WalReceiverSettings> own_receiver_;
  io::ProgressObserver* observer_;
  std::stop_token stop_;
  catalog::WalArchive archive_;
  WalPatience patience_;
  std::string warned_of_;            // why the receiver of another process gets no WAL
  Clock::time_point received_last_;  // when WAL was being received last, or else was first waited for

  mutable std::mutex mutex_;
  std::condition_variable_any happened_;
  std::exception_ptr failure_;
  std::string trouble_;         // why our receiver's stream broke off last
  std::set<std::string> said_;  // warnings of our receiver since it received last
  bool ended_ = false;
  std::optional<WalWorkers> workers_;  // for the next
  std::unique_ptr<WalReceiver> receiver_;
  std::jthread thread_;  // last: it uses all of the above
};

}  // namespace pgkeep::streaming
