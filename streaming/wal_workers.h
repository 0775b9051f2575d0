#pragma once

#include "catalog/io/worker_pool.h"

namespace pgkeep::streaming {

/// The threads that all WAL receivers of a process share, so that a hundred streams are a hundred threads
/// that sleep and a few that work: `disk` writes and syncs what was received, which mostly waits; `archive`
/// validates and compresses complete segments, which mostly computes and must not make a commit wait. Made
/// before the receivers, destroyed after them.
struct WalWorkers {
  /// 0: as many as suit this machine.
  explicit WalWorkers(unsigned disk_threads = 0, unsigned archive_threads = 0);
  io::WorkerPool disk;
  io::WorkerPool archive;
};

}  // namespace pgkeep::streaming
