#include "catalog/io/doorbell.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <poll.h>
#include <system_error>

#include <fmt/format.h>
#include <sys/eventfd.h>

#include "catalog/io/error.h"

namespace pgkeep::io {

Doorbell::Doorbell() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!fd_) throw Error(fmt::format("cannot make an eventfd: {}", std::generic_category().message(errno)));
}

void Doorbell::ring() noexcept {
  ::eventfd_write(fd_.get(), 1);
}

void Doorbell::silence() noexcept {
  eventfd_t rung = 0;
  ::eventfd_read(fd_.get(), &rung);
}

void Doorbell::wait(std::chrono::milliseconds at_most) const noexcept {
  pollfd bell{fd_.get(), POLLIN, 0};
  ::poll(&bell, 1, static_cast<int>(std::clamp<std::int64_t>(at_most.count(), 0, INT_MAX)));
}

}  // namespace pgkeep::io
