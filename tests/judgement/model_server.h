#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "catalog/postgres/timeline.h"
#include "tests/support/wal_builder.h"

namespace pgkeep::test {

/// What a server is after a record: a digest of all records up to it, and where they begin. Two servers that
/// have the same one have the same history so far.
using ServerState = std::uint64_t;
ServerState state_after(ServerState before, postgres::Lsn begin, std::uint8_t manager, std::uint8_t info,
                        io::ByteView content);

/// A record that a server wrote, and its state from there on.
struct WrittenRecord {
  postgres::Lsn begin;
  postgres::Lsn end;
  ServerState state;
};

/// Every state that some server of a story was in: the truth that a recovery is compared with.
class KnownStates {
 public:
  void add(ServerState state, const std::string& server) { states_.emplace(state, server); }
  /// The server that was in that state first; null when none ever was.
  const std::string* server_in(ServerState state) const {
    const auto found = states_.find(state);
    return found == states_.end() ? nullptr : &found->second;
  }
  /// Differs with each call, so that no two records with it are the same.
  std::uint64_t next_unique() { return ++unique_; }

 private:
  std::unordered_map<ServerState, std::string> states_;
  std::uint64_t unique_ = 0;
};

/// What a server is given to do: how a record looks, not what it says, so that the same work twice gives
/// records of the same places.
struct Work {
  enum class Kind {
    commit,
    row,
    plain,
    wal_switch,
    fill_segment
  } kind;                   // plain: it looks the same everywhere
  std::uint32_t bytes = 0;  // of row and plain
};

/// A server as far as its WAL goes, which is that of PostgreSQL: pages, records, timelines. A copy is what
/// was in its files then; when it goes on by itself it is another server, which has the same system
/// identifier.
class ModelServer {
 public:
  ModelServer(std::string name, KnownStates& known);

  const std::string& name() const { return name_; }
  void rename(std::string name) { name_ = std::move(name); }
  postgres::TimelineId timeline() const { return line_.timeline(); }
  const postgres::TimelineHistory& line() const { return line_; }
  /// Nothing for timeline 1 and those it knows nothing of.
  std::optional<std::string> history_file(postgres::TimelineId timeline) const;
  postgres::Lsn end() const { return end_; }
  const std::vector<WrittenRecord>& records() const { return records_; }
  /// Those that end up to `lsn`.
  std::vector<WrittenRecord> records_until(postgres::Lsn lsn) const;
  bool was_in(ServerState state) const;
  /// The WAL from there on, `bytes` at most, as it has it in the files of that timeline: of one that it left
  /// before the point that its history names, since it was recovered to an earlier one, more than is its own.
  io::ByteView wal(postgres::Lsn from, std::uint64_t bytes, postgres::TimelineId timeline) const;
  /// In the order of the WAL: what it would archive, by the name of the file.
  std::vector<postgres::WalSegment> complete_segments() const;
  /// The whole file; what was not written is zeroes.
  io::ByteVector segment_file(std::uint64_t number) const;

  void work(const Work& work);
  /// Returns where replay from the checkpoint begins, and where its record does.
  struct Checkpoint {
    postgres::Lsn redo;
    postgres::Lsn record;
    io::ByteVector content;
  };
  postgres::Lsn position() { return wal_.position(); }
  Checkpoint checkpoint(postgres::Lsn redo);
  void end_backup(postgres::Lsn start);
  /// Takes back all but its first records, as a copy that was made then.
  void go_back_to(std::size_t records);
  /// A standby that has just this becomes a primary on `timeline`.
  void promote(postgres::TimelineId timeline);
  /// Follows the history of `of` where recovery along it ended, and becomes a primary on `timeline`.
  void promote_along(const ModelServer& of, postgres::TimelineId timeline);

  postgres::Lsn begin_of_kept;             // of the WAL that was not removed
  postgres::Lsn flushed = {};              // at least: all that it had when it was started or promoted last
  std::optional<postgres::Lsn> slot = {};  // pgkeep's: where it stands

 private:
  void add(std::uint8_t manager, std::uint8_t info, const io::ByteVector& content);
  void note(postgres::Lsn begin, std::uint8_t manager, std::uint8_t info, io::ByteView content);
  io::ByteVector row(std::uint64_t bytes);

  std::string name_;
  KnownStates* known_;
  WalBuilder wal_;
  postgres::Lsn end_;
  postgres::TimelineHistory line_;
  std::map<postgres::TimelineId, std::string> history_files_;
  std::vector<WrittenRecord> records_;
  std::shared_ptr<const ModelServer> before_;  // it went back to a point before its own timeline
};

}  // namespace pgkeep::test
