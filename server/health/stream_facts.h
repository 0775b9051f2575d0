#pragma once

#include <optional>
#include <string>
#include <vector>

#include "catalog/io/lock.h"
#include "catalog/records/stream_state.h"
#include "catalog/store/repository.h"
#include "server/health/control.h"
#include "server/health/wal_facts.h"
#include "server/terminal/output.h"

namespace pgkeep::server {

/// How the WAL stream of a server stands, as far as it can be known without asking the server.
struct StreamFacts {
  /// `daemon`: told by it, exact. `file`: what the receiver that runs wrote last. `past`: nobody receives;
  /// this is how it ended.
  enum class Source { daemon, file, past };
  Source source = Source::past;
  std::optional<io::LockOwner> receiver;         // who receives now
  std::optional<catalog::StreamState> state;     // nothing when nobody ever received
  std::optional<SlotReport> slot;                // of the daemon's watch
  std::string way_out = "start `pgkeep serve`";  // when nobody receives
  std::string own_backup;                        // of the daemon: what it does about a gap, or why it cannot
};

/// Nothing when none serves the repository. One that does not answer is said as a warning.
std::optional<DaemonReport> find_daemon(const std::optional<store::Repository>& repository, Output& out);

StreamFacts read_stream_facts(const std::string& server, const store::ServerLayout& layout,
                              const std::optional<DaemonReport>& daemon);

/// The host that WAL comes from, if it is known.
postgres::Endpoint streamed_peer(const StreamFacts& stream);

enum class Advice : std::uint8_t { given, left_out };  // what to do when nobody receives
/// "streaming from 10.0.0.5:5432 for 3 h", "waiting: connection refused; next try in 20 s".
std::string describe_stream(const StreamFacts& stream, io::TimePoint now, Advice advice = Advice::given);
/// "streaming", "waiting", "not running" … for a table.
std::string stream_word(const StreamFacts& stream);
/// Nothing while the disk answers within what is to be expected of one.
std::optional<std::string> disk_trouble(const StreamFacts& stream, io::TimePoint now);

}  // namespace pgkeep::server
