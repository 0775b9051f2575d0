#include "server/cli/serve.h"

#include <cstdio>
#include <cstdlib>
#include <malloc.h>

#include <fmt/format.h>

#include "catalog/io/lock.h"
#include "server/daemon/daemon.h"
#include "server/fleet/fleet.h"
#include "server/terminal/stop_signals.h"

namespace pgkeep::server {
namespace {

/// Hundreds of threads would each keep memory of their own, and glibc would come to keep even large buffers,
/// as libpq has them while much WAL comes, when they are given back: half as much again in all. What is set
/// stays what it is. A message of WAL (128 KiB and its head) still comes from the heap, and its pages stay
/// there for the next one: taken from the system each time, they would cost more than all else about it.
void keep_memory_small() {
  constexpr int kArenas = 4;
  constexpr int kLargeBytes = 192 << 10;
  constexpr int kKeptAtTheTop = 1 << 20;  // of each arena
  ::mallopt(M_ARENA_MAX, kArenas);
  ::mallopt(M_MMAP_THRESHOLD, kLargeBytes);
  ::mallopt(M_TRIM_THRESHOLD, kKeptAtTheTop);
}

io::FileLock lock_repository(const store::Repository& repository) {
  const auto path = repository.daemon_lock();
  if (auto lock = io::FileLock::try_acquire(path, "serve")) return std::move(*lock);
  const auto holder = io::FileLock::holder(path);
  if (!holder || holder->pid == 0) {
    throw Busy(fmt::format("another `pgkeep serve` serves {} already", repository.root().native()));
  }
  throw Busy(
      fmt::format("`pgkeep serve` serves {} already: process {}, since {}; "
                  "`pgkeep reload` makes it read its configuration again",
                  repository.root().native(), holder->pid, holder->since));
}

}  // namespace

Exit run_serve(const Invocation& invocation) {
  keep_memory_small();
  const HangupSignal hangup;  // from the first moment: it would end the process
  const Fleet fleet(invocation.config_file, Fleet::Access::create);
  const auto lock = lock_repository(fleet.repository());
  Daemon daemon(fleet.config(), fleet.repository(), invocation.out);
  const auto exit = daemon.run(invocation.stop);
  if (daemon.may_wait()) return exit;
  std::fflush(nullptr);
  std::_Exit(static_cast<int>(exit));
}

}  // namespace pgkeep::server
