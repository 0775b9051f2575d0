#include "streaming/receive/wal_workers.h"

#include <algorithm>
#include <thread>

namespace pgkeep::streaming {
namespace {

// Syncs of several files run beside each other in the kernel; more threads than this gain little on any
// disk.
constexpr unsigned kDiskThreads = 16;

// A spare that comes too late is made where it is needed.
constexpr unsigned kSpareThreads = 2;

// On a small machine too: a thread that waits for one server's disk must not keep the others' segments.
constexpr unsigned kLeastArchiveThreads = 4;

// For some ten streams that catch up: more do not write any faster.
constexpr std::size_t kSharedBytes = 8u << 20;

unsigned archive_threads_here() {
  return std::max(std::thread::hardware_concurrency(), kLeastArchiveThreads);
}

}  // namespace

WalWorkers::WalWorkers(unsigned disk_threads, unsigned archive_threads)
    : disk(disk_threads != 0 ? disk_threads : kDiskThreads),
      archive(archive_threads != 0 ? archive_threads : archive_threads_here()),
      spares(kSpareThreads),
      memory(kSharedBytes) {}

}  // namespace pgkeep::streaming
