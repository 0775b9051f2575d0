#include "server/terminal/console_progress.h"

#include <algorithm>
#include <unistd.h>

#include <fmt/format.h>

#include "catalog/io/units.h"
#include "server/terminal/live_lines.h"

namespace pgkeep::server {
namespace {

using namespace std::chrono_literals;

constexpr auto kBetweenBars = 100ms;
constexpr auto kBetweenLines = 5s;
// Before that, rate and time left jump about.
constexpr auto kBeforeRate = 500ms;
constexpr std::size_t kBarWidth = 24;
constexpr std::size_t kPhaseWidth = 12;

int percent(const io::Progress& progress) {
  const auto done = std::min(progress.done_bytes, progress.total_bytes);
  return static_cast<int>(100.0 * static_cast<double>(done) / static_cast<double>(progress.total_bytes));
}

std::string numbers(const io::Progress& progress, std::chrono::milliseconds elapsed) {
  auto text = io::format_bytes(progress.done_bytes);
  if (progress.total_bytes > 0)
    text += fmt::format(" of {}  {} %", io::format_bytes(progress.total_bytes), percent(progress));
  if (elapsed < kBeforeRate || progress.done_bytes == 0) return text;
  const double rate =
      static_cast<double>(progress.done_bytes) / std::chrono::duration<double>(elapsed).count();
  text += fmt::format("  {}/s", io::format_bytes(static_cast<std::uint64_t>(rate)));
  if (progress.total_bytes > progress.done_bytes) {
    const std::chrono::duration<double> left(static_cast<double>(progress.total_bytes - progress.done_bytes) /
                                             rate);
    // A stalled stream would make this years.
    text += fmt::format("  {} left", io::format_duration(std::chrono::ceil<std::chrono::seconds>(std::min(
                                         left, std::chrono::duration<double>(std::chrono::hours(24 * 99))))));
  }
  return text;
}

}  // namespace

std::string format_progress(const io::Progress& progress, std::chrono::milliseconds elapsed) {
  if (progress.done_bytes == 0 && progress.total_bytes == 0) return std::string(progress.phase);
  return fmt::format("{:<{}}  {}", progress.phase, kPhaseWidth, numbers(progress, elapsed));
}

std::string format_progress_bar(const io::Progress& progress, std::chrono::milliseconds elapsed,
                                std::size_t width) {
  auto text = format_progress(progress, elapsed);
  if (progress.total_bytes > 0) {
    const auto filled = kBarWidth * static_cast<std::size_t>(percent(progress)) / 100;
    text = fmt::format("{:<{}}  [{}{}]  {}", progress.phase, kPhaseWidth, std::string(filled, '#'),
                       std::string(kBarWidth - filled, '.'), numbers(progress, elapsed));
  }
  if (text.size() > width) text.resize(width);
  return text;
}

ConsoleProgress::ConsoleProgress(Output& out) : out_(&out), form_(Form::lines) {
  if (out.quiet()) {
    form_ = Form::none;
  } else if (out.live()) {
    form_ = Form::live_line;
  } else if (::isatty(STDERR_FILENO) == 1) {
    form_ = Form::bar;
  }
}

ConsoleProgress::~ConsoleProgress() {
  clear();
}

void ConsoleProgress::progress(const io::Progress& progress) {
  if (form_ == Form::none) return;
  const auto now = Clock::now();
  const bool new_phase = phase_ != progress.phase;
  if (new_phase) {
    phase_ = progress.phase;
    phase_began_ = now;
    if (form_ == Form::lines) last_shown_ = now;  // the first line after the first interval
  }
  const auto elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(now - phase_began_);
  if (form_ == Form::lines) {
    if (now - last_shown_ < kBetweenLines) return;
    out_->note(format_progress(progress, elapsed));
  } else if (!new_phase && now - last_shown_ < kBetweenBars) {
    return;
  } else if (form_ == Form::live_line) {
    out_->live()->set(out_->part_name(), format_progress(progress, elapsed));
  } else {
    const auto line =
        fmt::format("\r{}\033[K", format_progress_bar(progress, elapsed, terminal_width(stderr) - 1));
    std::fwrite(line.data(), 1, line.size(), stderr);
    bar_is_drawn_ = true;
  }
  last_shown_ = now;
}

void ConsoleProgress::note(std::string_view message) {
  clear();
  out_->note(message);
}

void ConsoleProgress::warning(std::string_view message) {
  clear();
  out_->warning(message);
}

void ConsoleProgress::finish_phase() {
  clear();
  phase_.clear();
}

void ConsoleProgress::clear() {
  if (!bar_is_drawn_) return;
  std::fputs("\r\033[K", stderr);
  bar_is_drawn_ = false;
}

}  // namespace pgkeep::server
