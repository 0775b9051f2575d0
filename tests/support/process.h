#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "catalog/io/handle.h"
#include "tests/support/temp_directory.h"
#include "tests/support/wait_until.h"

namespace pgkeep::test {

/// What to run. argv[0] is looked for in PATH. libpq's own variables (PGHOST ...) are not passed on, so that
/// the tester's environment changes nothing.
struct Command {
  std::vector<std::string> argv;
  std::map<std::string, std::string> environment = {};  // added to the caller's
  std::filesystem::path directory = "/";                // not the caller's, which another user may not enter
};

/// How a program ended and what it said.
struct Outcome {
  int exit_code = -1;  // 128 + N when signal N ended it
  std::string out;
  std::string err;

  /// All of it in a form for failure messages.
  std::string text() const;
};

/// A running program. Its output goes to files, so it never waits for a reader. The destructor kills it, and
/// its children with it, when it still runs; when that is because a test fails by an exception, what the
/// program said goes to standard error, since nobody else can tell any more.
class Process {
 public:
  explicit Process(const Command& command);
  Process(Process&&) noexcept;
  Process& operator=(Process&&) = delete;
  ~Process();

  pid_t pid() const noexcept { return pid_; }
  bool running();
  void signal(int number);
  /// Waits for the end; after `patience` kills the program and throws.
  Outcome wait(std::chrono::milliseconds patience = kPatience);
  std::string out() const;
  std::string err() const;
  /// Returns when the program has said `text` on either output. Throws when it ends without.
  void wait_for_output(const std::string& text);

 private:
  std::string name_;
  std::unique_ptr<TempDirectory> output_;
  pid_t pid_ = -1;
  io::UniqueFd ended_;                 // readable once the program has ended
  std::optional<int> exit_code_ = {};  // known once it was waited for
  int exceptions_;                     // under way when it was started
};

/// Runs to the end.
Outcome run(const Command& command, std::chrono::milliseconds patience = kPatience);

/// Runs to the end and throws, with all the program said, unless the exit code is 0. Returns standard output.
std::string run_or_throw(const Command& command, std::chrono::milliseconds patience = kPatience);

/// The whole of a file as bytes.
std::string read_file(const std::filesystem::path& path);

}  // namespace pgkeep::test
