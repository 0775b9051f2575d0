#pragma once

#include "catalog/io/worker_pool.h"
#include "streaming/receive/wal_buffer.h"

namespace pgkeep::streaming {

/// The threads that all WAL receivers of a process share, so that a hundred streams are a hundred threads
/// that sleep and a few that work: `disk` writes and syncs what was received, which mostly waits; `archive`
/// validates and compresses complete segments, which mostly computes and must not make a commit wait;
/// `spares` makes partials ahead, which nobody needs at once. Each waits for disks in a thread of the pool,
/// so one server's disk that hangs takes one thread of each from the others. And the memory they share. Made
/// before the receivers, destroyed after them.
struct WalWorkers {
  /// 0: as many as suit this machine.
  explicit WalWorkers(unsigned disk_threads = 0, unsigned archive_threads = 0);
  io::WorkerPool disk;
  io::WorkerPool archive;
  io::WorkerPool spares;
  WalMemory memory;
};

}  // namespace pgkeep::streaming
