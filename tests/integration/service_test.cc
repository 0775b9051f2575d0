// The daemon as a service of systemd: the unit is sound, and systemd is told what it wants to hear.
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <unistd.h>

#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "catalog/io/handle.h"
#include "tests/support/backup_host.h"
#include "tests/support/port_lease.h"
#include "tests/support/wait_until.h"

namespace pgkeep::test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

/// systemd's end of NOTIFY_SOCKET.
class NotifySocket {
 public:
  explicit NotifySocket(const fs::path& path) : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.native().copy(address.sun_path, sizeof address.sun_path - 1);
    if (::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      throw std::runtime_error("cannot bind " + path.native());
  }
  void wait_for(const std::string& message) {
    wait_until(
        [&] {
          char buffer[4096];
          for (ssize_t n; (n = ::recv(socket_.get(), buffer, sizeof buffer, MSG_DONTWAIT)) > 0;)
            heard_ += std::string(buffer, static_cast<std::size_t>(n)) + "\n";
          const auto at = heard_.find(message);
          if (at == std::string::npos) return false;
          heard_.erase(0, at + message.size());
          return true;
        },
        "the daemon has said " + message);
  }

 private:
  io::UniqueFd socket_;
  std::string heard_;  // after what was waited for last
};

TEST(Service, TellsSystemdWhatItDoes) {
  BackupHost host;
  const PortLease nobody;
  host.add_server("main", "host=127.0.0.1 port=" + std::to_string(nobody.number()));
  NotifySocket systemd(host.scratch("notify"));
  Process daemon({{PGKEEP_BINARY, "-c", host.config_file(), "serve"},
                  {{"NOTIFY_SOCKET", host.scratch("notify")}, {"WATCHDOG_USEC", "600000"}}});
  systemd.wait_for("READY=1");
  systemd.wait_for("STATUS=0 of 1 streams up");
  systemd.wait_for("WATCHDOG=1");
  systemd.wait_for("WATCHDOG=1");
  daemon.signal(SIGHUP);
  systemd.wait_for("RELOADING=1\nMONOTONIC_USEC=");
  systemd.wait_for("READY=1");
  daemon.signal(SIGTERM);
  systemd.wait_for("STOPPING=1");
  EXPECT_EQ(daemon.wait().exit_code, 0);
}

TEST(Service, HasAUnitThatSystemdUnderstands) {
  if (std::system("command -v systemd-analyze >/dev/null") != 0)
    GTEST_SKIP() << "systemd-analyze is not installed; `etc/install-deps --tests` installs it";
  const TempDirectory directory;
  std::string unit = read_file(fs::path(PGKEEP_SOURCE_DIR) / "etc" / "pgkeep.service");
  const std::string installed = "/usr/local/bin/pgkeep";
  for (auto at = unit.find(installed); at != unit.npos; at = unit.find(installed))
    unit.replace(at, installed.size(), PGKEEP_BINARY);
  std::ofstream(directory / "pgkeep.service") << unit;
  const auto outcome = run({{"systemd-analyze", "verify", directory / "pgkeep.service"}});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.text();
  EXPECT_EQ(outcome.err, "") << "it has something to complain of";
}

}  // namespace
}  // namespace pgkeep::test
