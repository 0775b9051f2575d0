#include "tests/support/process.h"

#include <csignal>
#include <cstring>
#include <exception>
#include <fcntl.h>
#include <fstream>
#include <poll.h>
#include <spawn.h>
#include <sstream>
#include <stdexcept>
#include <string_view>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/syscall.h>
#include <sys/wait.h>

namespace pgkeep::test {
namespace {

std::vector<std::string> environment_of(const Command& command) {
  std::vector<std::string> result;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::string name(text.substr(0, text.find('=')));
    const bool is_libpqs = text.starts_with("PG") && !text.starts_with("PGKEEP_");
    if (!is_libpqs && !command.environment.contains(name)) result.emplace_back(text);
  }
  for (const auto& [name, value] : command.environment) result.push_back(name + "=" + value);
  return result;
}

std::vector<char*> pointers_to(std::vector<std::string>& strings) {
  std::vector<char*> result;
  for (auto& text : strings) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

void check(int error, const std::string& step) {
  if (error != 0) throw std::runtime_error(fmt::format("{}: {}", step, std::strerror(error)));
}

pid_t spawn(const Command& command, const std::filesystem::path& output) {
  posix_spawn_file_actions_t actions;
  check(::posix_spawn_file_actions_init(&actions), "posix_spawn_file_actions_init");
  const int flags = O_CREAT | O_WRONLY | O_APPEND;
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, (output / "out").c_str(), flags, 0600);
  ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, (output / "err").c_str(), flags, 0600);
  ::posix_spawn_file_actions_addchdir_np(&actions, command.directory.c_str());

  posix_spawnattr_t attributes;
  check(::posix_spawnattr_init(&attributes), "posix_spawnattr_init");
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);  // a group of its own, to be killed whole

  std::vector<std::string> argv_text = command.argv;
  std::vector<std::string> environment_text = environment_of(command);
  pid_t pid = -1;
  const int error = ::posix_spawnp(&pid, argv_text.front().c_str(), &actions, &attributes,
                                   pointers_to(argv_text).data(), pointers_to(environment_text).data());
  ::posix_spawn_file_actions_destroy(&actions);
  ::posix_spawnattr_destroy(&attributes);
  check(error, "cannot run " + command.argv.front());
  return pid;
}

}  // namespace

std::string read_file(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream content;
  content << stream.rdbuf();
  return std::move(content).str();
}

std::string Outcome::text() const {
  return fmt::format("exit code {}\n--- stdout\n{}\n--- stderr\n{}", exit_code, out, err);
}

Process::Process(const Command& command)
    : name_(fmt::format("{}", fmt::join(command.argv, " "))),
      output_(std::make_unique<TempDirectory>()),
      exceptions_(std::uncaught_exceptions()) {
  pid_ = spawn(command, output_->path());
  ended_ = io::UniqueFd(
      static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));  // glibc 2.36's own cannot be linked from C++
  if (!ended_) throw std::runtime_error(fmt::format("pidfd_open: {}", std::strerror(errno)));
}

Process::Process(Process&& other) noexcept
    : name_(std::move(other.name_)),
      output_(std::move(other.output_)),
      pid_(std::exchange(other.pid_, -1)),
      ended_(std::move(other.ended_)),
      exit_code_(std::exchange(other.exit_code_, 0)),
      exceptions_(other.exceptions_) {}

Process::~Process() {
  if (pid_ < 0) return;
  if (exit_code_) return;
  ::kill(-pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  if (std::uncaught_exceptions() > exceptions_)
    fmt::print(stderr, "{}:\n--- stdout\n{}\n--- stderr\n{}\n", name_, out(), err());
}

bool Process::running() {
  pollfd entry{ended_.get(), POLLIN, 0};
  return !exit_code_ && ::poll(&entry, 1, 0) == 0;
}

void Process::signal(int number) {
  if (!exit_code_) ::kill(pid_, number);
}

Outcome Process::wait(std::chrono::milliseconds patience) {
  pollfd entry{ended_.get(), POLLIN, 0};
  if (!exit_code_) {
    const bool in_time = ::poll(&entry, 1, static_cast<int>(patience.count())) == 1;
    if (!in_time) ::kill(-pid_, SIGKILL);
    int status = 0;
    ::waitpid(pid_, &status, 0);
    exit_code_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    if (!in_time)
      throw std::runtime_error(fmt::format("{}: did not end within {} ms\n--- stdout\n{}\n--- stderr\n{}",
                                           name_, patience.count(), out(), err()));
  }
  return {*exit_code_, out(), err()};
}

std::string Process::out() const {
  return read_file(*output_ / "out");
}

std::string Process::err() const {
  return read_file(*output_ / "err");
}

void Process::wait_for_output(const std::string& text) {
  wait_until(
      [&] {
        const bool still_running = running();  // asked first: output may come between the two
        if (out().find(text) != std::string::npos || err().find(text) != std::string::npos) return true;
        if (!still_running)
          throw std::runtime_error(
              fmt::format("{}: ended without saying '{}'\n{}", name_, text, wait().text()));
        return false;
      },
      fmt::format("'{}' says '{}'", name_, text));
}

Outcome run(const Command& command, std::chrono::milliseconds patience) {
  return Process(command).wait(patience);
}

std::string run_or_throw(const Command& command, std::chrono::milliseconds patience) {
  Outcome outcome = run(command, patience);
  if (outcome.exit_code != 0)
    throw std::runtime_error(fmt::format("{}: {}", fmt::join(command.argv, " "), outcome.text()));
  return std::move(outcome.out);
}

}  // namespace pgkeep::test
