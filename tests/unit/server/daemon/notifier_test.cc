#include "server/daemon/notifier.h"

#include <array>
#include <cstdlib>
#include <string>
#include <thread>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "catalog/io/handle.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::server {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

/// systemd's end of the socket.
class NotifierTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto path = directory_.path() / "notify";
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.native().copy(address.sun_path, sizeof address.sun_path - 1);
    ASSERT_EQ(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
  }
  void TearDown() override {
    ::unsetenv("NOTIFY_SOCKET");
    ::unsetenv("WATCHDOG_USEC");
  }
  /// The next message; empty when there is none.
  std::string heard() {
    std::array<char, 4096> buffer{};
    const auto n = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    return n > 0 ? std::string(buffer.data(), static_cast<std::size_t>(n)) : "";
  }

  test::TempDirectory directory_;
  io::UniqueFd socket_{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
};

TEST_F(NotifierTest, TellsTheStepsOfAService) {
  Notifier notifier;
  notifier.ready();
  EXPECT_EQ(heard(), "READY=1");
  notifier.reloading();
  const auto reloading = heard();
  EXPECT_THAT(reloading, StartsWith("RELOADING=1\nMONOTONIC_USEC="));
  notifier.stopping();
  EXPECT_EQ(heard(), "STOPPING=1");
}

TEST_F(NotifierTest, TellsAStatusOnce) {
  Notifier notifier;
  notifier.status("98 of 100 streams up");
  EXPECT_EQ(heard(), "STATUS=98 of 100 streams up");
  notifier.status("98 of 100 streams up");
  EXPECT_EQ(heard(), "");
  notifier.status("100 of 100 streams up");
  EXPECT_THAT(heard(), HasSubstr("100 of 100"));
}

TEST_F(NotifierTest, FeedsTheWatchdogWhenThereIsOne) {
  Notifier without;
  without.alive();
  EXPECT_EQ(heard(), "");
  ::setenv("WATCHDOG_USEC", "60000000", 1);
  Notifier notifier;
  notifier.alive();
  EXPECT_EQ(heard(), "WATCHDOG=1");
  notifier.alive();
  EXPECT_EQ(heard(), "") << "not yet due again";
}

TEST_F(NotifierTest, IsCalledOftenEnoughForAShortWatchdog) {
  ::setenv("WATCHDOG_USEC", "800000", 1);
  EXPECT_LE(Notifier().interval(), std::chrono::milliseconds(100));
}

TEST_F(NotifierTest, SaysNothingWithoutSystemd) {
  ::unsetenv("NOTIFY_SOCKET");
  Notifier notifier;
  notifier.ready();
  notifier.status("well");
  EXPECT_EQ(heard(), "");
}

}  // namespace
}  // namespace pgkeep::server
