#include "catalog/io/program.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <grp.h>
#include <mutex>
#include <poll.h>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "catalog/io/error.h"
#include "catalog/io/handle.h"

#pragma GCC diagnostic push  // Boost's own affair
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wnull-dereference"
#pragma GCC diagnostic ignored "-Wold-style-cast"
#include <boost/process.hpp>
#include <boost/process/extend.hpp>
#pragma GCC diagnostic pop

namespace pgkeep::io {
namespace {

namespace bp = boost::process;
using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto kLook = 100ms;     // for a stop
constexpr auto kBeforeKill = 5s;  // from SIGTERM on

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

/// A file without a name: neither side waits for the other.
UniqueFd memory_file(const std::string& content) {
  UniqueFd fd(::memfd_create("input", MFD_CLOEXEC));
  if (!fd) fail("memfd_create");
  for (std::size_t written = 0; written < content.size();) {
    const auto n = ::write(fd.get(), content.data() + written, content.size() - written);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail("write to memory");
    written += static_cast<std::size_t>(n);
  }
  ::lseek(fd.get(), 0, SEEK_SET);
  return fd;
}

/// What is written into one end comes out of the other.
struct Pipe {
  UniqueFd reader;
  UniqueFd writer;
};
Pipe make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) fail("pipe2");
  Pipe pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
  ::fcntl(pipe.reader.get(), F_SETFL, O_NONBLOCK);
  return pipe;
}

bp::environment environment_of(const Program& program) {
  if (!program.environment) return boost::this_process::environment();
  bp::environment environment;
  for (const auto& [name, value] : *program.environment) environment[name] = value;
  return environment;
}

/// In the child: what we block or ignore would be blocked and ignored there, SIGTERM first of all.
void forget_our_signals() noexcept {
  ::sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
}

/// In the child.
void become(const RunAs& as) noexcept {
  if (::setgroups(1, &as.group) == 0 && ::setgid(as.group) == 0 && ::setuid(as.user) == 0) return;
  constexpr int kCannotRun = 126;  // as shells have it
  ::_exit(kCannotRun);
}

/// One that runs.
class Running {
 public:
  Running(const Program& program, const UniqueFd& input, Pipe& pipe) : program_(&program) {
    // Boost makes a pipe of its own for the outcome of exec, and only then marks it to be closed there. A
    // program started in between by another thread would hold it open, and this thread would wait for its
    // end.
    static std::mutex one_at_a_time;
    const std::scoped_lock lock(one_at_a_time);
    child_ = bp::child(
        bp::exe = program.file.native(), bp::args = program.arguments, environment_of(program),
        bp::posix::fd.bind(STDIN_FILENO, input.get()), bp::posix::fd.bind(STDOUT_FILENO, pipe.writer.get()),
        bp::posix::fd.bind(STDERR_FILENO, pipe.writer.get()), group_, bp::start_dir = "/",
        bp::extend::on_exec_setup = [as = program.run_as](auto& /*executor*/) {
          forget_our_signals();
          if (as) become(*as);
        });
    pipe.writer = UniqueFd();  // so that its end is the end of what is said
    ended_ = UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, child_.id(), 0)));
    if (!ended_) fail("pidfd_open");
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ~Running() {
    std::error_code ignored;  // a destructor cleans up as far as it can
    if (!child_.valid() || !child_.running(ignored)) return;
    ::killpg(group_.native_handle(), SIGKILL);
    child_.wait(ignored);
  }

  /// Takes in what it says until it ends, or `until`; false when it has not ended then.
  bool listen(const UniqueFd& reader, Clock::time_point until, const std::stop_token& stop, ProgramEnd& end) {
    bool open = true;
    while (Clock::now() < until && !stop.stop_requested()) {
      std::array<pollfd, 2> entries{pollfd{ended_.get(), POLLIN, 0},
                                    pollfd{open ? reader.get() : -1, POLLIN, 0}};
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
      ::poll(entries.data(), entries.size(), static_cast<int>(std::clamp(left, 0ms, kLook).count()));
      if (entries[1].revents != 0) open = take_in(reader, end);
      if (entries[0].revents == 0) continue;
      take_in(reader, end);  // children that hold it open are not waited for
      return true;
    }
    return false;
  }

  void end(const UniqueFd& reader, ProgramEnd& end) {
    ::killpg(group_.native_handle(), SIGTERM);
    if (!listen(reader, Clock::now() + kBeforeKill, {}, end)) ::killpg(group_.native_handle(), SIGKILL);
  }

  void wait(ProgramEnd& end) {
    std::error_code ignored;  // what became of it is in the status
    child_.wait(ignored);
    const int status = child_.native_exit_code();
    if (WIFEXITED(status)) end.exit_code = WEXITSTATUS(status);
    if (WIFSIGNALED(status)) end.signal = WTERMSIG(status);
  }

 private:
  /// What is there now; false at the end. A program that never stops talking is looked at in between.
  bool take_in(const UniqueFd& reader, ProgramEnd& end) const {
    std::array<char, 16u << 10> buffer;
    for (int turn = 0; turn < 16; ++turn) {
      const auto n = ::read(reader.get(), buffer.data(), buffer.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return errno == EAGAIN;
      if (n == 0) return false;
      end.said.append(buffer.data(), static_cast<std::size_t>(n));
      const auto over = end.said.size() - std::min(end.said.size(), program_->kept_bytes);
      end.said.erase(0, over);
      end.left_out += over;
    }
    return true;
  }

  const Program* program_;
  bp::group group_;
  bp::child child_;
  UniqueFd ended_;  // readable when it has
};

}  // namespace

std::string ProgramEnd::describe(const Program& program) const {
  if (!in_time)
    return fmt::format("did not end within {} s and was ended",
                       std::chrono::duration_cast<std::chrono::seconds>(program.time_limit).count());
  return exit_code ? fmt::format("ended with exit code {}", *exit_code)
                   : fmt::format("was ended by signal {}", signal);
}

ProgramEnd run_program(const Program& program, const std::stop_token& stop) {
  const auto input = memory_file(program.input);
  auto pipe = make_pipe();
  ProgramEnd end;
  try {
    Running running(program, input, pipe);
    if (!running.listen(pipe.reader, Clock::now() + program.time_limit, stop, end)) {
      end.in_time = stop.stop_requested();
      running.end(pipe.reader, end);
    }
    running.wait(end);
  } catch (const bp::process_error& error) {
    throw Error(fmt::format("{} cannot be started: {}", program.file.native(), error.code().message()));
  }
  if (stop.stop_requested()) throw Interrupted(fmt::format("{}: stopped", program.file.native()));
  return end;
}

}  // namespace pgkeep::io
