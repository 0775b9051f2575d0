#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include <sys/types.h>

namespace pgkeep::io {

/// Whose rights a program has. Only root can give those of another user.
struct RunAs {
  uid_t user = 0;
  gid_t group = 0;  // and no other
};

/// A program of this host that is run to its end. It has a process group of its own, none of our descriptors,
/// works in /, and says what it says to us.
struct Program {
  std::filesystem::path file;  // absolute; no shell looks at it
  std::vector<std::string> arguments = {};
  std::optional<std::map<std::string, std::string>> environment = {};  // all of it; nothing: ours
  std::string input = {};                                              // on its standard input
  std::optional<RunAs> run_as = {};                                    // nothing: as we do
  std::chrono::milliseconds time_limit{};
  /// Of what it says on standard output and standard error together, the last so many bytes are kept.
  std::size_t kept_bytes = 16u << 10;
};

/// How it ended.
struct ProgramEnd {
  std::optional<int> exit_code;  // nothing: a signal ended it
  int signal = 0;                // that one
  bool in_time = true;           // else its whole group was ended
  std::string said;              // the last of it, as it came: any bytes
  std::uint64_t left_out = 0;    // bytes that came before

  bool succeeded() const { return in_time && exit_code == 0; }
  /// "ended with exit code 3", "was ended by signal 9", "did not end within 60 s and was ended".
  std::string describe(const Program& program) const;
};

/// Starts it and waits for its end; not for that of children that it leaves behind. At the time limit, or
/// when stop is asked, its group gets SIGTERM, and five seconds later SIGKILL. Throws Error when it cannot be
/// started, Interrupted when it was stopped. Thread-safe.
ProgramEnd run_program(const Program& program, const std::stop_token& stop = {});

}  // namespace pgkeep::io
