#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace pgkeep::io {

/// How far a long operation is.
struct Progress {
  std::string_view phase;  // "copying", "waiting for WAL": shown as it stands
  std::uint64_t done_bytes = 0;
  std::uint64_t total_bytes = 0;  // an estimate; 0: not known
};

/// Who wants to be told. Called from the thread that runs the operation, some ten times a second at most from
/// inside tight loops (the observer decides what to show); must not throw.
class ProgressObserver {
 public:
  virtual ~ProgressObserver() = default;
  virtual void progress(const Progress& progress) = 0;
  /// Something an operator wants to know while it goes on, as "PostgreSQL warns: …".
  virtual void note(std::string_view message) = 0;
  virtual void warning(std::string_view message) = 0;
};

}  // namespace pgkeep::io
