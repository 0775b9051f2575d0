#include "server/cli/serve.h"

#include <cstdio>
#include <cstdlib>
#include <malloc.h>

#include <fmt/format.h>

#include "catalog/io/lock.h"
#include "server/daemon/daemon.h"
#include "server/fleet.h"

namespace pgkeep::server {
namespace {

// Of malloc: each thread would get its own otherwise, and hundreds of them cost more than they save.
constexpr int kArenas = 4;

io::FileLock lock_repository(const store::Repository& repository) {
  const auto path = repository.daemon_lock();
  if (auto lock = io::FileLock::try_acquire(path, "serve")) return std::move(*lock);
  const auto holder = io::FileLock::holder(path);
  if (!holder || holder->pid == 0) {
    throw Busy(fmt::format("another `pgkeep serve` serves {} already", repository.root().native()));
  }
  throw Busy(
      fmt::format("`pgkeep serve` serves {} already: process {}, since {}; `pgkeep reload` makes it read "
                  "its configuration again",
                  repository.root().native(), holder->pid, holder->since));
}

}  // namespace

Exit run_serve(const Invocation& invocation) {
  ::mallopt(M_ARENA_MAX, kArenas);
  const Fleet fleet(invocation.config_file, Fleet::Access::create);
  const auto lock = lock_repository(fleet.repository());
  Daemon daemon(fleet.config(), fleet.repository(), invocation.out);
  const auto exit = daemon.run(invocation.stop);
  if (daemon.may_wait()) return exit;
  std::fflush(nullptr);
  std::_Exit(static_cast<int>(exit));
}

}  // namespace pgkeep::server
