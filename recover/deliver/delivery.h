#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "catalog/io/bytes.h"

namespace pgkeep::recover {

/// Something to be written at the destination. `path` is absolute there.
struct DeliveredFile {
  std::string path;
  std::uint64_t size = 0;
  std::uint32_t mode = 0600;
  std::int64_t modified = 0;  // Unix seconds
  /// Streams exactly `size` bytes; called once, from one of the delivery's threads, which has the number
  /// `worker`.
  std::function<void(io::ByteSink& out, unsigned worker)> content;
};

/// A directory that will hold a part of the cluster: the data directory, or a tablespace's location.
struct DeliveryRoot {
  std::string directory;  // absolute; there or not
  std::string what{};     // "the destination", "tablespace fast (16385)": for messages
  std::string way_out{};  // what to do when it cannot be used, beside what the reason says
  std::uint64_t bytes_needed = 0;
  /// False for a place that the server chose and the operator has not named: in a directory of root, root
  /// does not make it.
  bool named = true;
};

/// Throws Refused: the reason, and the root's way out.
[[noreturn]] void refuse(const DeliveryRoot& root, std::string reason);

/// How PostgreSQL is to be started where it was delivered to.
struct StartFacts {
  std::string user;         // who the files belong to
  bool as_root = false;     // we act as root there, which PostgreSQL refuses to run as
  std::string pg_ctl;       // its path where it was found, else "pg_ctl"
  bool log_beside = false;  // `user` may make a file beside the data directory
};

/// Writes a data directory somewhere. Two kinds: on this host, and over SSH with tar at the other end.
/// check() first; nothing is written before it has passed. finish() makes everything durable.
///
/// Acting as root there, all that is written belongs to who owns the first root, or the directory above it
/// while that is not there; else to whom we act as. Threads: all calls from one, except what write_files()
/// says.
class Delivery {
 public:
  virtual ~Delivery() = default;
  /// The data directory is the first root. Throws Refused: a root that is not empty, holds a running server,
  /// lies on a missing mount or has less room than it needs (those on one file system together);
  /// ConnectionLost or Error when the other host cannot be used.
  virtual void check(const std::vector<DeliveryRoot>& roots) = 0;
  /// After check().
  virtual StartFacts start_facts(int major_version) = 0;
  /// Threads that call DeliveredFile::content, numbered from 0.
  virtual unsigned workers() const = 0;
  /// One level. A directory that is there gets the mode.
  virtual void make_directory(const std::string& path, std::uint32_t mode) = 0;
  virtual void make_symlink(const std::string& path, const std::string& target) = 0;
  /// Hands a file over; waits while enough are under way.
  using Give = std::function<void(DeliveredFile)>;
  /// Writes all files that `all` gives, which is called once, here; several at a time. Throws the first
  /// error, Interrupted when a stop was asked for.
  virtual void write_files(const std::function<void(const Give&)>& all, std::stop_token stop) = 0;
  /// Makes all that was written durable, folders included.
  virtual void finish() = 0;
};

/// For write_files(): calls `write` for all that `all` gives, in that many threads.
void write_by_workers(unsigned workers, const std::function<void(const Delivery::Give&)>& all,
                      const std::stop_token& stop,
                      const std::function<void(const DeliveredFile&, unsigned worker)>& write);

/// `jobs` 0: two a core, since they wait for the disk part of the time.
std::unique_ptr<Delivery> local_delivery(unsigned jobs);
/// `jobs` 0: one a core, eight at most. `ssh_command` is split as a shell would and run with a command line
/// for the other end appended.
std::unique_ptr<Delivery> ssh_delivery(const std::string& ssh_command, unsigned jobs);

}  // namespace pgkeep::recover
