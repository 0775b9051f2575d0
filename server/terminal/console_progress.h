#pragma once

#include <chrono>
#include <cstdio>
#include <string>

#include "catalog/io/progress.h"
#include "server/terminal/output.h"

namespace pgkeep::server {

using Clock = std::chrono::steady_clock;

/// "copying    1.2 GiB of 3.4 GiB  35 %  312 MiB/s  7 s left": what both forms of progress show. `elapsed` is
/// since the phase began.
std::string format_progress(const io::Progress& progress, std::chrono::milliseconds elapsed);

/// The same with a bar in front of the numbers when the total is known, cut to `width` characters.
std::string format_progress_bar(const io::Progress& progress, std::chrono::milliseconds elapsed,
                                std::size_t width);

/// Shows on standard error how far a long operation is: a bar on a terminal, a line every few seconds
/// elsewhere, nothing with --quiet; the work on one of several servers has a live line. Notes and warnings go
/// through the output. Calls may come from any one thread at a time.
class ConsoleProgress final : public io::ProgressObserver {
 public:
  explicit ConsoleProgress(Output& out);
  ConsoleProgress(const ConsoleProgress&) = delete;
  ConsoleProgress& operator=(const ConsoleProgress&) = delete;
  ~ConsoleProgress() override;

  void progress(const io::Progress& progress) override;
  void note(std::string_view message) override;
  void warning(std::string_view message) override;

  /// Whether somebody looks on: then it is worth asking for totals that cost something.
  bool is_watched() const noexcept { return form_ == Form::bar || form_ == Form::live_line; }
  /// Takes the bar away, so that something else can be printed.
  void clear();
  /// The same, at the end of a phase: one that follows is another, also when it has the same name.
  void finish_phase();

 private:
  enum class Form { none, lines, bar, live_line };

  Output* out_;  // borrowed
  Form form_;
  std::string phase_;
  Clock::time_point phase_began_;
  Clock::time_point last_shown_;
  bool bar_is_drawn_ = false;
};

}  // namespace pgkeep::server
