#include "streaming/wal_workers.h"

#include <algorithm>
#include <thread>

namespace pgkeep::streaming {
namespace {

// Syncs of several files go on beside each other in the kernel; more threads than this gain little on any
// disk.
constexpr unsigned kDiskThreads = 16;

unsigned cores() {
  return std::max(std::thread::hardware_concurrency(), 1u);
}

}  // namespace

WalWorkers::WalWorkers(unsigned disk_threads, unsigned archive_threads)
    : disk(disk_threads != 0 ? disk_threads : kDiskThreads),
      archive(archive_threads != 0 ? archive_threads : cores()) {}

}  // namespace pgkeep::streaming
