#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/io/bytes.h"

namespace pgkeep::recover {

/// What a program said on its way out, for a message: its first lines that differ, and how many more there
/// are. A tar that may not write says so of each file.
std::string first_lines(std::string_view said);

/// One run of a command on another host, through the system's ssh: we write to its standard input; what it
/// prints is kept until the end. Destroyed before finish(), or when a stop is asked for: it is terminated.
/// One thread. SIGPIPE is ignored from the first one on, for the whole process: a connection that is gone is
/// an error to handle, not an end.
class SshProcess final : public io::ByteSink {
 public:
  /// Starts `ssh_command` with `remote_command` as its last argument. Throws Error when it cannot be started.
  SshProcess(const std::vector<std::string>& ssh_command, const std::string& remote_command,
             std::stop_token stop = {});
  SshProcess(const SshProcess&) = delete;
  SshProcess& operator=(const SshProcess&) = delete;
  ~SshProcess() override;

  /// Throws like finish() when nobody reads any more.
  void write(io::ByteView bytes) override;
  /// Ends its standard input, waits, and returns what it printed. Throws ConnectionLost when ssh itself
  /// failed (255, or a signal), Error for any other exit code than 0; both with what it said.
  std::string finish();

 private:
  struct Running;
  [[noreturn]] void fail();
  std::string name_;  // for messages
  std::unique_ptr<Running> running_;
};

}  // namespace pgkeep::recover
