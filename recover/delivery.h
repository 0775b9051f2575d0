#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "catalog/io/bytes.h"
#include "catalog/io/progress.h"
#include "recover/plan.h"

namespace pgkeep::recover {

/// Something to be written at the destination. `path` is absolute there.
struct DeliveredFile {
  std::string path;
  std::uint64_t size = 0;
  std::uint32_t mode = 0600;
  std::int64_t modified = 0;  // Unix seconds
  /// Streams exactly `size` bytes; called once, from one of the delivery's threads, which has the number `worker`.
  std::function<void(io::ByteSink& out, unsigned worker)> content;
};

/// Writes a data directory somewhere. Two kinds: on this host, and over SSH with tar at the other end.
/// check() first; nothing is written before it has passed. finish() makes everything durable.
class Delivery {
 public:
  virtual ~Delivery() = default;
  /// Throws Refused: a destination (or tablespace location) that is not empty, holds a running server, lies on a missing
  /// mount or has less room than `bytes_needed`; ConnectionLost or Error when the other host cannot be used.
  virtual void check(const std::vector<std::string>& directories, std::uint64_t bytes_needed) = 0;
  virtual unsigned workers() const = 0;
  virtual void make_directory(const std::string& path, std::uint32_t mode) = 0;
  virtual void make_symlink(const std::string& path, const std::string& target) = 0;
  /// Writes all files, several at a time; `next` hands them out (called under a lock; false at the end).
  virtual void write_files(const std::function<bool(DeliveredFile&)>& next, std::stop_token stop) = 0;
  /// fsync of all that was written (over SSH: sync of the file systems), folders included.
  virtual void finish() = 0;
};

std::unique_ptr<Delivery> local_delivery(unsigned jobs);
/// `ssh_command` is split as a shell would and run with a command line for the other end appended.
std::unique_ptr<Delivery> ssh_delivery(const std::string& ssh_command, unsigned jobs);

}  // namespace pgkeep::recover
