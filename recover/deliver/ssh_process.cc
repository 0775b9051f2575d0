#include "recover/deliver/ssh_process.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <functional>
#include <mutex>
#include <optional>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/mman.h>

#include "catalog/io/error.h"
#include "catalog/io/handle.h"

#pragma GCC diagnostic push  // Boost's own affair
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wnull-dereference"
#pragma GCC diagnostic ignored "-Wold-style-cast"
#include <boost/process.hpp>
#pragma GCC diagnostic pop

namespace pgkeep::recover {
namespace {

namespace bp = boost::process;

constexpr int kSshFailed = 255;

/// A file without a name, for what the process prints: it can never block on us, however much that is.
io::UniqueFd memory_file(const char* name) {
  io::UniqueFd fd(::memfd_create(name, MFD_CLOEXEC));
  if (!fd) throw std::system_error(errno, std::generic_category(), "memfd_create");
  return fd;
}

std::string content_of(const io::UniqueFd& fd) {
  constexpr std::size_t kMost = 64u << 10;
  std::string text(kMost, '\0');
  const auto n = ::pread(fd.get(), text.data(), text.size(), 0);
  text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
  return text;
}

/// Both ends are closed in every child but for what is meant for it: another ssh that held this pipe open
/// would keep the first one waiting for the end of its input for ever.
bp::pipe make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe2");
  return bp::pipe(ends[0], ends[1]);
}

}  // namespace

std::string first_lines(std::string_view said) {
  constexpr std::size_t kMostLines = 5;
  std::vector<std::string_view> shown;
  std::size_t more = 0;
  while (!said.empty()) {
    const auto line = said.substr(0, said.find('\n'));
    said.remove_prefix(std::min(said.size(), line.size() + 1));
    if (std::ranges::find(shown, line) != shown.end() || shown.size() == kMostLines) {
      ++more;
    } else {
      shown.push_back(line);
    }
  }
  auto text = fmt::format("{}", fmt::join(shown, "\n"));
  if (more > 0) text += fmt::format("\n(and {} more line{} of that kind)", more, more == 1 ? "" : "s");
  return text;
}

struct SshProcess::Running {
  io::UniqueFd out = memory_file("ssh-output");
  io::UniqueFd errors = memory_file("ssh-errors");
  bp::pipe input = make_pipe();
  bp::child child;
  std::stop_token stop;
  std::optional<std::stop_callback<std::function<void()>>> terminate;  // ends every wait for the child

  void wait() {
    std::error_code ignored;  // what became of it is in the exit code
    child.wait(ignored);
    terminate.reset();
  }
};

SshProcess::SshProcess(const std::vector<std::string>& ssh_command, const std::string& remote_command,
                       std::stop_token stop)
    : name_(fmt::format("{}", fmt::join(ssh_command, " "))), running_(std::make_unique<Running>()) {
  std::signal(SIGPIPE, SIG_IGN);
  const auto program = ssh_command.front().find('/') == std::string::npos
                           ? bp::search_path(ssh_command.front()).string()
                           : ssh_command.front();
  if (program.empty())
    throw Error(fmt::format("{}: there is no program {} here", name_, ssh_command.front()));
  std::vector<std::string> arguments(ssh_command.begin() + 1, ssh_command.end());
  arguments.push_back(remote_command);
  try {
    // Boost makes a pipe of its own for the outcome of exec, and only then marks it to be closed there. A
    // process started in between by another thread would hold it open, and this thread would wait until that
    // one ends.
    static std::mutex one_at_a_time;
    const std::scoped_lock lock(one_at_a_time);
    running_->child = bp::child(bp::exe = program, bp::args = arguments, bp::std_in < running_->input,
                                bp::posix::fd.bind(STDOUT_FILENO, running_->out.get()),
                                bp::posix::fd.bind(STDERR_FILENO, running_->errors.get()));
  } catch (const bp::process_error& error) {
    throw Error(fmt::format("{}: cannot be started: {}", name_, error.code().message()));
  }
  // The reading end is the child's alone, so that we notice when it is gone.
  ::close(running_->input.native_source());
  running_->input.assign_source(-1);
  running_->stop = stop;
  running_->terminate.emplace(std::move(stop), [pid = running_->child.id()] { ::kill(pid, SIGTERM); });
}

SshProcess::~SshProcess() {
  running_->terminate.reset();
  std::error_code ignored;  // a destructor cleans up as far as it can
  if (!running_->child.running(ignored)) return;
  running_->child.terminate(ignored);
}

void SshProcess::write(io::ByteView bytes) {
  while (!bytes.empty()) {
    const auto n = ::write(running_->input.native_sink(), bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail();
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
}

std::string SshProcess::finish() {
  running_->input.close();
  running_->wait();
  if (running_->child.native_exit_code() != 0) fail();
  return content_of(running_->out);
}

void SshProcess::fail() {
  running_->input.close();
  running_->wait();
  if (running_->stop.stop_requested()) throw Interrupted(fmt::format("{}: stopped", name_));
  const int status = running_->child.native_exit_code();
  auto said = first_lines(content_of(running_->errors));
  if (said.empty()) said = "it said nothing";
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
    throw ConnectionLost(
        fmt::format("{}: the other end stopped reading before everything was there: {}", name_, said));
  if (WIFEXITED(status) && WEXITSTATUS(status) != kSshFailed)
    throw Error(
        fmt::format("{}: the command there failed with exit code {}: {}", name_, WEXITSTATUS(status), said));
  throw ConnectionLost(fmt::format("{}: the connection failed: {}", name_, said));
}

}  // namespace pgkeep::recover
