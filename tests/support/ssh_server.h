#pragma once

#include <memory>
#include <string>

#include "tests/support/port_lease.h"
#include "tests/support/process.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::test {

/// An sshd of its own on loopback, with its own keys, that lets the caller in as itself; nothing of the
/// machine's SSH configuration is read or changed.
class SshServer {
 public:
  /// False where there is no sshd; then the test skips.
  static bool available();

  SshServer();
  /// "ssh -F FILE target": what a user would give as --remote-ssh-command.
  std::string command() const;
  /// The server's user may call it as well: for an archive_command.
  void let_postgres_in() const;

 private:
  TempDirectory files_;
  PortLease port_;
  std::unique_ptr<Process> daemon_;
};

}  // namespace pgkeep::test
