// Somebody is told when something goes wrong in the fleet, and when it is well again, and never twice.
#include <csignal>
#include <fstream>

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "tests/integration/versions.h"
#include "tests/support/backup_host.h"
#include "tests/support/wait_until.h"
#include "tests/support/webhook_receiver.h"

namespace pgkeep::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class Notifications : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override { PGKEEP_NEEDS_POSTGRES(GetParam()); }

  static void tell(BackupHost& host, const WebhookReceiver& receiver) {
    const auto url = host.scratch("url");
    std::ofstream(url) << "http://127.0.0.1:" << receiver.port() << "/hook\n";
    ::chmod(url.c_str(), 0600);
    host.set_top("notify: {webhook_file: " + url.native() + ", interval: 1s}");
  }
  /// How often a change of that kind was told of the key.
  static int times(const WebhookReceiver& receiver, const std::string& kind, const std::string& key) {
    int count = 0;
    for (const auto& request : receiver.requests()) {
      const auto document = nlohmann::json::parse(request.substr(request.find("\r\n\r\n") + 4));
      for (const auto& change : document.at("changes"))
        if (change.at("change") == kind && change.at("key") == key) ++count;
    }
    return count;
  }
};
PGKEEP_FOR_EACH_VERSION(Notifications);

TEST_P(Notifications, AreSentWhenAServerGoesAwayAndWhenItIsBackAcrossAKillOfTheDaemon) {
  auto cluster = PostgresCluster::create(GetParam());
  BackupHost host(cluster);
  const WebhookReceiver receiver;
  tell(host, receiver);
  EXPECT_THAT(host.pgkeep_or_throw({"notify", "--test"}), HasSubstr("webhook: the test was taken"));
  host.backup();
  auto daemon = host.serve(cluster);

  cluster.stop();
  wait_until([&] { return times(receiver, "appeared", "sql_connection") == 1; },
             "it is told that the server is away");
  daemon.signal(SIGKILL);
  daemon.wait();
  receiver.answer("503 Busy");  // while the server comes back
  cluster.start();
  auto again = host.serve(cluster);
  wait_until([&] { return host.pgkeep({"notify"}).out.find("it answered 503") != std::string::npos; },
             "the receiver does not take it");
  EXPECT_THAT(host.pgkeep({"check", "main"}).out, AllOf(HasSubstr("notifications"), Not(HasSubstr("/hook"))));
  const auto refused = times(receiver, "gone", "sql_connection");
  EXPECT_GE(refused, 1);
  receiver.answer("200 OK");
  wait_until([&] { return times(receiver, "gone", "sql_connection") > refused; }, "it is told later");
  EXPECT_EQ(times(receiver, "appeared", "sql_connection"), 1)
      << "a daemon that was killed tells nothing twice";
  again.signal(SIGTERM);
  EXPECT_EQ(again.wait().exit_code, 0);
}

}  // namespace
}  // namespace pgkeep::test
