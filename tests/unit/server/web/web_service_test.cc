#include "server/web/web_service.h"

#include <atomic>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "catalog/io/error.h"
#include "server/web/http_secrets.h"
#include "tests/support/http_client.h"
#include "tests/support/port_lease.h"
#include "tests/support/temp_directory.h"
#include "tests/support/wait_until.h"

namespace pgkeep::server {
namespace {

using test::http_get;
using ::testing::HasSubstr;
using ::testing::Not;

class HttpSecretsTest : public ::testing::Test {
 protected:
  std::string write(const std::string& content, ::mode_t mode = 0600) const {
    const auto path = directory_ / "secret";
    std::ofstream(path) << content;
    ::chmod(path.c_str(), mode);
    return path;
  }
  HttpAccess read_token(const std::string& path) const {
    HttpConfig config;
    config.listen = ListenAddress::parse("127.0.0.1:8432");
    config.token_file = path;
    return read_http_access(config);
  }
  std::string error_of(const std::string& path) const {
    try {
      read_token(path);
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  }

  test::TempDirectory directory_;
};

TEST_F(HttpSecretsTest, AreReadWithoutTheirNewline) {
  EXPECT_EQ(read_token(write("sixteen-or-more-signs\n")).token, "sixteen-or-more-signs");
}

TEST_F(HttpSecretsTest, AreRefusedWhereOthersMayReadThem) {
  EXPECT_THAT(error_of(write("sixteen-or-more-signs\n", 0640)), HasSubstr("chmod 600"));
  EXPECT_THAT(error_of(directory_ / "nothing"), HasSubstr("No such file"));
}

TEST_F(HttpSecretsTest, AreRefusedWhenTheyCannotBeTokens) {
  for (const auto* token : {"", "short", "two words that are long enough", "line\nand another line",
                            "l\xc3\xa4nger-als-sechzehn-zeichen"})
    EXPECT_THAT(error_of(write(token)), HasSubstr("openssl rand")) << token;
}

class WebServiceTest : public HttpSecretsTest {
 protected:
  HttpConfig on(const test::PortLease& port) const {
    HttpConfig config;
    config.listen = ListenAddress::parse("127.0.0.1:" + std::to_string(port.number()));
    return config;
  }

  std::atomic<const char*> ailing_{""};
  WebService service_{{.ailing = [this] { return std::string(ailing_.load()); },
                       .look = [](const std::stop_token&) { return write_documents({}); }},
                      make_log("test", Output(Output::Format::text, Output::Talk::quiet))};
  test::PortLease port_;
};

TEST_F(WebServiceTest, TellsWhetherTheDaemonIsWell) {
  service_.apply(on(port_));
  EXPECT_EQ(http_get(port_.number(), "/healthz").status, 200);
  EXPECT_EQ(http_get(port_.number(), "/healthz").body, "ok\n");
  ailing_ = "its loop hangs";
  EXPECT_EQ(http_get(port_.number(), "/healthz").status, 503);
  EXPECT_EQ(http_get(port_.number(), "/nothing").status, 404);
}

TEST_F(WebServiceTest, ShowsWhatTheLookAtTheFleetBrought) {
  service_.apply(on(port_));
  test::wait_until([&] { return http_get(port_.number(), "/").status == 200; }, "the fleet was looked at");
  const auto page = http_get(port_.number(), "/");
  EXPECT_THAT(page.headers.at("content-type"), HasSubstr("text/html"));
  EXPECT_THAT(page.headers.at("content-security-policy"), HasSubstr("script-src 'sha256-"));
  EXPECT_EQ(page.headers.at("age"), "0");
  const auto report = http_get(port_.number(), "/api/v1/report");
  EXPECT_EQ(report.headers.at("content-type"), "application/json");
  EXPECT_THAT(report.headers.at("content-security-policy"), Not(HasSubstr("script-src")));
  EXPECT_EQ(http_get(port_.number(), "/servers/nobody").status, 404);
}

TEST_F(WebServiceTest, FollowsTheConfiguration) {
  service_.apply({});
  EXPECT_THROW(http_get(port_.number(), "/healthz"), std::runtime_error);
  service_.apply(on(port_));
  auto with_token = on(port_);
  with_token.token_file = write("sixteen-or-more-signs");
  service_.apply(with_token);
  EXPECT_EQ(http_get(port_.number(), "/nothing").status, 401);
  const test::PortLease another;
  service_.apply(on(another));
  EXPECT_EQ(http_get(another.number(), "/healthz").status, 200);
  EXPECT_THROW(http_get(port_.number(), "/healthz"), std::runtime_error);
  service_.apply({});
  EXPECT_THROW(http_get(another.number(), "/healthz"), std::runtime_error);
}

TEST_F(WebServiceTest, TakesAllAddressesInThePlaceOfOneWithTheSamePort) {
  service_.apply(on(port_));
  auto all = on(port_);
  all.listen->address = "0.0.0.0";
  all.token_file = write("sixteen-or-more-signs");
  service_.apply(all);
  EXPECT_EQ(http_get(port_.number(), "/nothing").status, 401);
}

TEST_F(WebServiceTest, AnswersAsBeforeWhereItCannotAsItShouldAndSaysSo) {
  EXPECT_EQ(service_.apply(on(port_)), "");
  auto broken = on(port_);
  broken.token_file = write("sixteen-or-more-signs", 0644);
  EXPECT_THAT(service_.apply(broken), HasSubstr("http.token_file, and others may read it"));
  EXPECT_EQ(http_get(port_.number(), "/nothing").status, 404);
}

}  // namespace
}  // namespace pgkeep::server
