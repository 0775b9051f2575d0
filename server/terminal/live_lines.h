#pragma once

#include <chrono>
#include <cstdio>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace pgkeep::server {

/// Columns of the terminal behind the file, or 80.
std::size_t terminal_width(std::FILE* file);

/// Lines at the bottom of a terminal that tell how far several pieces of work are, one each. Those that find
/// no room are counted. Everything else that is printed while there are any goes through around().
/// Thread-safe.
class LiveLines {
 public:
  /// `terminal` is borrowed.
  explicit LiveLines(std::FILE* terminal) : terminal_(terminal) {}
  LiveLines(const LiveLines&) = delete;
  LiveLines& operator=(const LiveLines&) = delete;
  /// Takes all away.
  ~LiveLines();

  /// Shows that the piece of work is so far; a new name has its line below the others.
  void set(std::string_view name, std::string_view text);
  void remove(std::string_view name);
  /// Prints something above the lines.
  void around(const std::function<void()>& print);

 private:
  struct Line {
    std::string name;
    std::string text;
  };

  void erase();
  void draw();

  std::FILE* terminal_;
  std::mutex mutex_;  // guards the lines, and what is printed
  std::vector<Line> lines_;
  std::size_t drawn_ = 0;  // lines that stand on the terminal
  std::chrono::steady_clock::time_point last_drawn_;
};

}  // namespace pgkeep::server
