#pragma once

#include <fstream>
#include <sstream>
#include <string>

#include "tests/support/port_lease.h"
#include "tests/support/process.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::test {

/// A mail server, or a web server, of this host that keeps what comes; see tests/support/mail_receiver.py.
class MailReceiver {
 public:
  explicit MailReceiver(const std::string& kind, const std::string& behaviour = "")
      : process_({.argv = {"/usr/bin/python3", PGKEEP_SOURCE_DIR "/tests/support/mail_receiver.py", kind,
                           std::to_string(port_.number()), folder_.path().native(), behaviour}}) {
    process_.wait_for_output("ready");
  }
  std::string port() const { return std::to_string(port_.number()); }
  /// What came, empty when nothing did: "mail", "envelope", "paths".
  std::string came(const std::string& what) const {
    std::ifstream file(folder_ / what, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }

 private:
  PortLease port_;
  TempDirectory folder_;
  Process process_;
};

}  // namespace pgkeep::test
