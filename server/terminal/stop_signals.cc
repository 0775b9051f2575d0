#include "server/terminal/stop_signals.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <unistd.h>

#include "catalog/io/error.h"

namespace pgkeep::server {
namespace {

constexpr char kStop = 's';
constexpr char kEnd = 'e';
constexpr std::array kSignals{SIGINT, SIGTERM};

// A handler has no other way to its object. Lock-free, so that a handler may read it.
std::atomic<int> g_write_end{-1};

extern "C" void on_stop_signal(int /*number*/) {
  const int cause = errno;
  // When the pipe is full, a stop is under way already.
  [[maybe_unused]] const auto written = ::write(g_write_end.load(), &kStop, 1);
  errno = cause;
}

std::atomic<int> g_hangup_eventfd{-1};
std::atomic<bool> g_hangup_came{false};

void wake_for_hangup() {
  const std::uint64_t one = 1;
  const int eventfd = g_hangup_eventfd.load();
  if (eventfd < 0) return;
  [[maybe_unused]] const auto written = ::write(eventfd, &one, sizeof one);
}

extern "C" void on_hangup_signal(int /*number*/) {
  const int cause = errno;
  g_hangup_came.store(true);
  wake_for_hangup();
  errno = cause;
}

}  // namespace

StopSignals::StopSignals() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    const int cause = errno;
    throw StorageError(cause, "signal pipe", "make");
  }
  read_end_ = io::UniqueFd(ends[0]);
  write_end_ = io::UniqueFd(ends[1]);
  g_write_end = write_end_.get();
  waiter_ = std::thread([this] {
    char what = 0;
    for (;;) {
      const auto n = ::read(read_end_.get(), &what, 1);
      if (n < 0 && errno == EINTR) continue;
      if (n != 1 || what == kEnd) return;
      source_.request_stop();
    }
  });
  struct ::sigaction action {};
  action.sa_handler = on_stop_signal;
  action.sa_flags = static_cast<int>(SA_RESETHAND) | SA_RESTART;
  for (const int number : kSignals) ::sigaction(number, &action, nullptr);
  ignore_broken_pipes();
}

StopSignals::~StopSignals() {
  for (const int number : kSignals) std::signal(number, SIG_DFL);
  [[maybe_unused]] const auto written = ::write(write_end_.get(), &kEnd, 1);
  waiter_.join();
  g_write_end = -1;
}

HangupSignal::HangupSignal() {
  struct ::sigaction action {};
  action.sa_handler = on_hangup_signal;
  action.sa_flags = static_cast<int>(SA_RESTART);
  ::sigaction(SIGHUP, &action, nullptr);
}

HangupSignal::~HangupSignal() {
  std::signal(SIGHUP, SIG_DFL);
}

HangupSignal::Wakes::Wakes(int eventfd) {
  g_hangup_eventfd = eventfd;
  if (g_hangup_came.load()) wake_for_hangup();
}

HangupSignal::Wakes::~Wakes() {
  g_hangup_eventfd = -1;
}

bool HangupSignal::came() noexcept {
  return g_hangup_came.exchange(false);
}

void ignore_broken_pipes() {
  std::signal(SIGPIPE, SIG_IGN);
}

}  // namespace pgkeep::server
