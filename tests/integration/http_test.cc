// The daemon answers over HTTP, to whom it may, and no client keeps it from receiving WAL.
#include <csignal>
#include <fstream>
#include <list>
#include <optional>

#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "catalog/io/handle.h"
#include "tests/integration/versions.h"
#include "tests/support/backup_host.h"
#include "tests/support/http_client.h"
#include "tests/support/port_lease.h"
#include "tests/support/wait_until.h"

namespace pgkeep::test {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

constexpr const char* kToken = "sixteen-or-more-signs";

class Http : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override { PGKEEP_NEEDS_POSTGRES(GetParam()); }

  /// Where the daemon is to answer; `more` are further keys.
  void listen(const PortLease& port, const std::string& more = {}) {
    host_.set_top("http: {listen: \"127.0.0.1:" + std::to_string(port.number()) + "\"" + more + "}");
  }
  HttpReply get(const std::string& path, const std::string& headers = {}) const {
    return http_get(port_.number(), path, headers);
  }
  /// Of a daemon that has looked at its fleet.
  void wait_until_shown() const {
    wait_until([&] { return get("/").status == 200; }, "the fleet is shown");
  }
  std::string write_token() const {
    const auto path = host_.scratch("token");
    std::ofstream(path) << kToken << "\n";
    ::chmod(path.c_str(), 0600);
    return path;
  }

  PortLease port_;
  BackupHost host_;
};
PGKEEP_FOR_EACH_VERSION(Http);

TEST_P(Http, ShowsTheFleetAsThePageAndToPrograms) {
  const auto cluster = PostgresCluster::create(GetParam());
  host_.add_server("main", cluster.conninfo());
  listen(port_);
  auto daemon = host_.serve(cluster);
  const auto backup = host_.backup();
  EXPECT_EQ(get("/healthz").body, "ok\n");
  wait_until_shown();
  EXPECT_THAT(get("/").body, HasSubstr("href=\"/servers/main\""));
  EXPECT_EQ(get("/servers/main").status, 200);
  EXPECT_EQ(get("/servers/nobody").status, 404);
  EXPECT_EQ(get("/elsewhere").status, 404);
  const auto data = [&](const std::string& path) { return nlohmann::json::parse(get(path).body).at("data"); };
  EXPECT_EQ(data("/api/v1/report").at("servers")[0].at("server"), "main");
  EXPECT_EQ(data("/api/v1/check")[0].at("server"), "main");
  EXPECT_EQ(data("/api/v1/servers"), host_.json({"list-servers"}));
  EXPECT_EQ(data("/api/v1/status")[0].at("server"), "main");
}

TEST_P(Http, AnswersToTheOneWhoHasTheToken) {
  const auto cluster = PostgresCluster::create(GetParam());
  host_.add_server("main", cluster.conninfo());
  listen(port_, ", token_file: " + write_token());
  auto daemon = host_.serve(cluster);
  EXPECT_EQ(get("/healthz").status, 200);
  EXPECT_EQ(get("/").status, 401);
  wait_until([&] { return get("/", std::string("Authorization: Bearer ") + kToken + "\r\n").status == 200; },
             "the fleet is shown to who has the token");
}

TEST_P(Http, IsScrapedByPrometheusWithTheToken) {
  const auto tool =
      run({.argv = {PGKEEP_SOURCE_DIR "/tests/monitoring/tool", "prometheus", PGKEEP_BUILD_DIR}});
  if (tool.exit_code == 77) GTEST_SKIP() << tool.err;
  const auto cluster = PostgresCluster::create(GetParam());
  host_.add_server("main", cluster.conninfo());
  const auto token = write_token();
  listen(port_, ", token_file: " + token);
  auto daemon = host_.serve(cluster);
  const auto settings = host_.scratch("prometheus.yml");
  std::ofstream(settings) << "global: {scrape_interval: 1s}\n"
                             "rule_files: [" PGKEEP_SOURCE_DIR
                             "/etc/prometheus/pgkeep.rules.yml]\n"
                             "scrape_configs:\n"
                             "  - job_name: pgkeep\n"
                             "    authorization: {credentials_file: "
                          << token << "}\n    static_configs: [{targets: ['127.0.0.1:" << port_.number()
                          << "']}]\n";
  const PortLease port;
  const Process prometheus(
      {.argv = {tool.out.substr(0, tool.out.find('\n')), "--config.file=" + settings.native(),
                "--storage.tsdb.path=" + host_.scratch("prometheus").native(),
                "--web.listen-address=127.0.0.1:" + std::to_string(port.number())}});
  wait_until(
      [&] {
        try {
          return http_get(port.number(), "/api/v1/query?query=pgkeep_wal_streaming")
                     .body.find(R"("server":"main"},"value":[)") != std::string::npos;
        } catch (const std::runtime_error&) {
          return false;  // it does not listen yet
        }
      },
      "Prometheus has the fleet");
}

TEST_P(Http, TakesAnotherPortAndACertificateByReload) {
  const auto cluster = PostgresCluster::create(GetParam());
  host_.add_server("main", cluster.conninfo());
  listen(port_);
  auto daemon = host_.serve(cluster);
  const auto key = host_.scratch("key").native();
  const auto certificate = host_.scratch("certificate").native();
  run_or_throw(
      {.argv = {"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-subj", "/CN=localhost", "-days", "2", "-keyout", key, "-out", certificate}});
  const PortLease other;
  listen(other, ", certificate: " + certificate + ", key: " + key);
  host_.pgkeep_or_throw({"reload"});
  EXPECT_THROW(get("/healthz"), std::runtime_error);
  const auto request =
      "printf 'GET /healthz HTTP/1.1\\r\\nConnection: close\\r\\n\\r\\n' | openssl s_client -quiet "
      "-verify_return_error -CAfile " +
      certificate + " -connect 127.0.0.1:" + std::to_string(other.number());
  EXPECT_THAT(run({.argv = {"sh", "-c", request}}).out, EndsWith("ok\n"));
}

/// Listens on a port of this host, and answers nobody.
io::UniqueFd listener_on(int port) {
  io::UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      ::listen(socket.get(), 1) != 0)
    throw std::runtime_error("cannot listen on port " + std::to_string(port));
  return socket;
}

TEST_P(Http, ReceivesWalAlthoughItsPortIsTaken) {
  const auto cluster = PostgresCluster::create(GetParam());
  host_.add_server("main", cluster.conninfo());
  listen(port_);
  std::optional other(listener_on(port_.number()));
  auto daemon = host_.serve(cluster);
  daemon.wait_for_output("cannot listen on 127.0.0.1 port " + std::to_string(port_.number()));
  cluster.execute("CREATE TABLE t AS SELECT 1");
  wait_until_flushed(cluster);
  other.reset();
  daemon.wait_for_output("HTTP is answered on");
  EXPECT_EQ(get("/healthz").body, "ok\n");
}

TEST_P(Http, ShowsPagesThatABrowserFiltersAndSorts) {
  const auto cluster = PostgresCluster::create(GetParam());
  const PortLease nobody;
  host_.add_server("main", cluster.conninfo());
  host_.add_server("nobody", "host=127.0.0.1 user=postgres port=" + std::to_string(nobody.number()));
  listen(port_);
  auto daemon = host_.serve(cluster);
  host_.backup();
  wait_until_shown();
  const auto script = std::string(PGKEEP_SOURCE_DIR) + "/tests/browser/page.mjs";
  const auto looked =
      run({.argv = {"sh", "-c",
                    "command -v node >/dev/null || { echo 'there is no Node.js'; exit 77; }; exec node " +
                        script + " http://127.0.0.1:" + std::to_string(port_.number())}});
  if (looked.exit_code == 77) GTEST_SKIP() << looked.out;
  EXPECT_EQ(looked.exit_code, 0) << looked.text();
}

/// As many connections as a test may need.
void allow_descriptors() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

TEST_P(Http, ReceivesWalAndAnswersWhateverClientsDo) {
  const auto cluster = PostgresCluster::create(GetParam());
  cluster.pgbench_init(1);
  host_.add_server("main", cluster.conninfo());
  listen(port_);
  auto daemon = host_.serve(cluster);
  wait_until_shown();
  const auto load = cluster.pgbench_throughout();
  allow_descriptors();
  std::list<HttpClient> crowd;
  for (int i = 0; i < 1000; ++i) {
    crowd.emplace_back(port_.number());
    switch (i % 5) {
      case 0:
        crowd.back().send("GET / HTTP/1.1\r\nHost: ");  // and no more
        break;
      case 1:
        crowd.back().send("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");  // and reads nothing
        break;
      case 2:
        crowd.back().send("GET / HTTP/1.1\r\nX: " + std::string(100'000, 'x'));
        break;
      case 3:
        crowd.back().send(std::string("\0\x01\xff\r\n\r\n", 7));
        break;
      default:
        crowd.back().send(
            "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 18446744073709551615\r\n\r\n");
    }
  }
  const auto before = cluster.rows("SELECT pg_current_wal_flush_lsn()")[0][0];
  wait_until_flushed(cluster);
  crowd.clear();
  wait_until([&] { return get("/healthz").status == 200; }, "it answers when the crowd has gone");
  wait_until([&] { return cluster.rows("SELECT pg_current_wal_flush_lsn()")[0][0] != before; },
             "there is more WAL");
  wait_until_flushed(cluster);
  EXPECT_EQ(host_.stream_state().at("reconnects"), 0);
  daemon.signal(SIGTERM);
  EXPECT_EQ(daemon.wait().exit_code, 0);
}

}  // namespace
}  // namespace pgkeep::test
