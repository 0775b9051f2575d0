#include "server/notify/local_sendmail.h"

#include <chrono>
#include <csignal>
#include <poll.h>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "catalog/io/error.h"
#include "catalog/io/handle.h"
#include "catalog/io/shown_text.h"

#pragma GCC diagnostic push  // Boost's own affair
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wnull-dereference"
#pragma GCC diagnostic ignored "-Wold-style-cast"
#include <boost/process.hpp>
#pragma GCC diagnostic pop

namespace pgkeep::server {
namespace {

namespace bp = boost::process;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kPatience{60};
constexpr std::chrono::milliseconds kLook{100};  // for a stop

/// A file without a name: neither side waits for the other.
io::UniqueFd memory_file(const std::string& content) {
  io::UniqueFd fd(::memfd_create("mail", MFD_CLOEXEC));
  if (!fd) throw std::system_error(errno, std::generic_category(), "memfd_create");
  for (std::size_t written = 0; written < content.size();) {
    const auto n = ::write(fd.get(), content.data() + written, content.size() - written);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw std::system_error(errno, std::generic_category(), "write to memory");
    written += static_cast<std::size_t>(n);
  }
  ::lseek(fd.get(), 0, SEEK_SET);
  return fd;
}

std::string content_of(const io::UniqueFd& fd) {
  constexpr std::size_t kMost = 2000;
  std::string text(kMost, '\0');
  const auto n = ::pread(fd.get(), text.data(), text.size(), 0);
  text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  while (text.ends_with('\n')) text.pop_back();
  return io::without_controls(text);
}

/// False when it has not ended by then.
bool ends_in_time(const bp::child& child, const std::stop_token& stop) {
  const io::UniqueFd ended(static_cast<int>(::syscall(SYS_pidfd_open, child.id(), 0)));
  if (!ended) throw std::system_error(errno, std::generic_category(), "pidfd_open");
  for (const auto until = Clock::now() + kPatience; Clock::now() < until && !stop.stop_requested();) {
    pollfd entry{ended.get(), POLLIN, 0};
    if (::poll(&entry, 1, static_cast<int>(kLook.count())) > 0) return true;
  }
  return false;
}

}  // namespace

void send_by_sendmail(const std::string& message, const std::stop_token& stop,
                      const std::filesystem::path& program) {
  if (::access(program.c_str(), X_OK) != 0)
    throw Error(fmt::format(
        "there is no {} on this host; install a mail server (postfix, msmtp-mta, …), or name one as "
        "`mail.smtp` in the configuration",
        program.native()));
  const auto input = memory_file(message);
  const auto output = memory_file({});
  try {
    // -t: to those that the message names; -i: a line with a dot alone does not end it.
    bp::child child(
        bp::exe = program.native(), bp::args = {"-t", "-i"}, bp::posix::fd.bind(STDIN_FILENO, input.get()),
        bp::posix::fd.bind(STDOUT_FILENO, output.get()), bp::posix::fd.bind(STDERR_FILENO, output.get()));
    const bool in_time = ends_in_time(child, stop);
    if (!in_time) child.terminate();
    child.wait();
    if (stop.stop_requested()) throw Interrupted(fmt::format("{}: stopped", program.native()));
    if (!in_time)
      throw Error(fmt::format("{} did not end within {} s; the mail may not have been queued",
                              program.native(), kPatience.count()));
    if (child.exit_code() != 0)
      throw Error(fmt::format("{} did not take the mail (exit code {}): {}", program.native(),
                              child.exit_code(), content_of(output)));
  } catch (const bp::process_error& error) {
    throw Error(fmt::format("{} cannot be started: {}", program.native(), error.code().message()));
  }
}

}  // namespace pgkeep::server
