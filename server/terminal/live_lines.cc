#include "server/terminal/live_lines.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>
#include <sys/ioctl.h>

#include "catalog/io/shown_text.h"
#include "server/terminal/wrapped_text.h"

namespace pgkeep::server {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kUsualWidth = 80;
constexpr std::size_t kUsualHeight = 24;
/// However many pieces of work tell how far they are.
constexpr auto kBetweenDrawings = 50ms;

std::optional<::winsize> size_of(std::FILE* file) {
  ::winsize size{};
  if (::ioctl(::fileno(file), TIOCGWINSZ, &size) != 0) return std::nullopt;
  return size;
}

std::size_t terminal_height(std::FILE* file) {
  const auto size = size_of(file);
  return size && size->ws_row > 0 ? size->ws_row : kUsualHeight;
}

}  // namespace

std::size_t terminal_width(std::FILE* file) {
  const auto size = size_of(file);
  return size && size->ws_col > 0 ? size->ws_col : kUsualWidth;
}

LiveLines::~LiveLines() {
  const std::lock_guard lock(mutex_);
  erase();
  std::fflush(terminal_);
}

void LiveLines::set(std::string_view name, std::string_view text) {
  const std::lock_guard lock(mutex_);
  auto line = std::ranges::find(lines_, name, &Line::name);
  const bool is_new = line == lines_.end();
  if (is_new) line = lines_.insert(line, {std::string(name), {}});
  line->text = text;
  if (is_new || std::chrono::steady_clock::now() - last_drawn_ >= kBetweenDrawings) draw();
}

void LiveLines::remove(std::string_view name) {
  const std::lock_guard lock(mutex_);
  if (std::erase_if(lines_, [&](const Line& line) { return line.name == name; }) != 0) draw();
}

void LiveLines::around(const std::function<void()>& print) {
  const std::lock_guard lock(mutex_);
  erase();
  print();
  draw();
}

void LiveLines::erase() {
  if (drawn_ == 0) return;
  std::fputs(fmt::format("\033[{}F\033[J", drawn_).c_str(),
             terminal_);   // so many lines up, and all below away
  std::fflush(terminal_);  // before the other stream prints in their place
  drawn_ = 0;
}

void LiveLines::draw() {
  erase();
  const auto width = terminal_width(terminal_) - 1;
  const auto room = std::max<std::size_t>(terminal_height(terminal_), 3) - 2;  // what scrolled up stays there
  std::size_t names = 0;
  for (const auto& line : lines_) names = std::max(names, width_of(line.name));
  const auto shown = lines_.size() <= room ? lines_.size() : room - 1;
  std::string text;
  for (std::size_t i = 0; i < shown; ++i) {
    const auto& [name, how_far] = lines_[i];
    const std::string space(names - width_of(name) + 2, ' ');
    text += shortened(io::without_controls(name + space + how_far), width) + "\n";
  }
  if (shown < lines_.size()) text += fmt::format("and {} more\n", lines_.size() - shown);
  std::fwrite(text.data(), 1, text.size(), terminal_);
  std::fflush(terminal_);
  drawn_ = shown + (shown < lines_.size() ? 1 : 0);
  last_drawn_ = std::chrono::steady_clock::now();
}

}  // namespace pgkeep::server
