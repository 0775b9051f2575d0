#include "server/http/http_server.h"

#include <atomic>
#include <list>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "tests/support/http_client.h"
#include "tests/support/process.h"
#include "tests/support/temp_directory.h"
#include "tests/support/wait_until.h"

namespace pgkeep::server {
namespace {

using test::http_get;
using test::HttpClient;
using test::parse_reply;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class HttpServerTest : public ::testing::Test {
 protected:
  void serve(const HttpLimits& limits = {}, HttpAccess access = {}) {
    access.address = "127.0.0.1";
    const auto answer = [this](const HttpRequest& request) {
      HttpAnswer given = text_answer(200, request.path.empty() ? "root" : request.path.front());
      if (request.path == std::vector<std::string>{"large"}) given.body = large_;
      ++answered_;
      return given;
    };
    server_.emplace(access, "healthz", answer,
                    make_log("test", Output(Output::Format::text, Output::Talk::quiet)), limits);
  }
  std::uint16_t port() const { return server_->port(); }
  std::string said_to(std::string_view request) const {
    const HttpClient client(port());
    client.send(request);
    return client.read_to_end();
  }
  void expect_that_others_are_served() const { EXPECT_EQ(http_get(port(), "/well").body, "well\n"); }

  std::atomic<int> answered_ = 0;
  std::shared_ptr<const std::string> large_ = std::make_shared<const std::string>(std::size_t{32} << 20, 'x');
  std::optional<HttpServer> server_;
};

TEST_F(HttpServerTest, AnswersWithHeadersThatKeepBrowsersFromDoingMore) {
  serve();
  const auto reply = http_get(port(), "/servers");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, "servers\n");
  EXPECT_THAT(reply.headers.at("content-security-policy"), StartsWith("default-src 'none'"));
  EXPECT_EQ(reply.headers.at("x-content-type-options"), "nosniff");
  EXPECT_EQ(reply.headers.at("referrer-policy"), "no-referrer");
  EXPECT_EQ(reply.headers.at("cache-control"), "no-store");
}

TEST_F(HttpServerTest, TakesATokenThatWasReplacedOnNoConnectionAnyMore) {
  HttpAccess access;
  access.token = "the-token-that-leaked";
  serve({}, access);
  const HttpClient client(port());
  client.send("GET /a HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer the-token-that-leaked\r\n\r\n");
  test::wait_until([&] { return answered_ == 1; }, "the first request is answered");
  access.address = "127.0.0.1";
  access.token = "another-token-of-now";
  server_->change(access);
  client.send(
      "GET /a HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer the-token-that-leaked\r\n"
      "Connection: close\r\n\r\n");
  const auto replies = client.read_to_end();
  EXPECT_THAT(replies, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(replies, HasSubstr("HTTP/1.1 401"));
}

TEST_F(HttpServerTest, GivesToHeadTheHeadersAlone) {
  serve();
  const auto reply =
      parse_reply(said_to("HEAD /servers HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"));
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.headers.at("content-length"), "8");
  EXPECT_EQ(reply.body, "");
}

TEST_F(HttpServerTest, AnswersSeveralRequestsOnOneConnection) {
  serve();
  const auto text = said_to(
      "GET /one HTTP/1.1\r\nHost: [::1]\r\n\r\n"
      "GET /two HTTP/1.1\r\nHost: [::1]\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(text, HasSubstr("one\n"));
  EXPECT_THAT(text, EndsWith("two\n"));
}

TEST_F(HttpServerTest, RefusesWhatIsNoRequestOfOurs) {
  serve();
  EXPECT_THAT(said_to("\x16\x03\x01 hello\r\n\r\n"), StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(said_to("GET / HTTP/1.1\r\nno header\r\n\r\n"), StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(said_to("GET / HTTP/1.1\r\nHost: ::1\r\nContent-Length: -1\r\n\r\n"),
              StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(said_to("GET / HTTP/1.1\r\nHost: [::1]\r\nContent-Length: 99999999999\r\n\r\n"),
              StartsWith("HTTP/1.1 400"));
  const auto reply = parse_reply(said_to("POST / HTTP/1.1\r\nHost: [::1]\r\nContent-Length: 4\r\n\r\nbody"));
  EXPECT_EQ(reply.status, 405);
  EXPECT_EQ(reply.headers.at("allow"), "GET, HEAD");
  expect_that_others_are_served();
}

TEST_F(HttpServerTest, RefusesAHeadThatIsTooLong) {
  serve();
  EXPECT_THAT(said_to("GET /" + std::string(9000, 'a') + " HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 431"));
  EXPECT_THAT(said_to("GET / HTTP/1.1\r\nX: " + std::string(1 << 20, 'a') + "\r\n\r\n"),
              StartsWith("HTTP/1.1 431"));
  expect_that_others_are_served();
}

TEST_F(HttpServerTest, LetsGoOfAClientThatDripsItsRequest) {
  serve({.request = std::chrono::milliseconds(300)});
  const HttpClient slow(port());
  slow.send("GET / HT");
  test::wait_until(
      [&] {
        slow.send("x");  // it does say something all the time
        return slow.is_closed();
      },
      "the client that drips is let go");
  expect_that_others_are_served();
}

TEST_F(HttpServerTest, LetsGoOfAClientThatNeverReads) {
  serve({.answer = std::chrono::milliseconds(300)});
  std::list<HttpClient> deaf;
  for (int i = 0; i < 20; ++i)
    deaf.emplace_back(port()).send("GET /large HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
  expect_that_others_are_served();
  for (const auto& client : deaf) EXPECT_LT(client.read_to_end().size(), large_->size());
}

TEST_F(HttpServerTest, TurnsAwayWhatComesBeyondItsConnections) {
  serve({.connections = 10});
  std::list<HttpClient> crowd;
  for (int i = 0; i < 10; ++i) crowd.emplace_back(port()).send("GET / HTTP/1.1\r\n");
  EXPECT_EQ(parse_reply(said_to("")).status, 503);
  crowd.clear();
  test::wait_until([&] { return http_get(port(), "/well").status == 200; }, "others are served again");
}

TEST_F(HttpServerTest, SaysWhereItCannotListen) {
  serve();
  HttpAccess taken;
  taken.address = "127.0.0.1";
  taken.port = port();
  try {
    const HttpServer second(
        taken, "", [](const HttpRequest&) { return HttpAnswer(); }, nullptr);
    FAIL() << "two listen on one port";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("127.0.0.1 port " + std::to_string(port())));
    EXPECT_THAT(error.what(), HasSubstr("in use"));
  }
}

class TlsTest : public HttpServerTest {
 protected:
  HttpAccess certified(const std::string& name) const {
    const auto key = directory_ / (name + ".key");
    const auto certificate = directory_ / (name + ".crt");
    test::run_or_throw(
        {.argv = {"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                  "-subj", "/CN=" + name, "-days", "2", "-keyout", key, "-out", certificate}});
    HttpAccess access;
    access.certificate = test::read_file(certificate);
    access.key = test::read_file(key);
    return access;
  }
  /// What a client that trusts that name's certificate gets; nothing when it does not trust the server.
  std::string asked_by_trusting(const std::string& name) const {
    const auto command =
        "printf 'GET /servers HTTP/1.1\\r\\nHost: 127.0.0.1\\r\\nConnection: close\\r\\n\\r\\n' | "
        "openssl s_client -quiet -verify_return_error -CAfile " +
        (directory_ / (name + ".crt")).native() + " -connect 127.0.0.1:" + std::to_string(port());
    return test::run({.argv = {"sh", "-c", command}}).out;
  }

  test::TempDirectory directory_;
};

TEST_F(TlsTest, AnswersWithItsCertificateAndTakesAnother) {
  const auto first = certified("first");
  serve({}, first);
  EXPECT_THAT(asked_by_trusting("first"), EndsWith("servers\n"));
  server_->change(certified("second"));
  EXPECT_THAT(asked_by_trusting("second"), EndsWith("servers\n"));
  EXPECT_EQ(asked_by_trusting("first"), "");
  EXPECT_THAT(said_to("GET / HTTP/1.1\r\n\r\n"), Not(HasSubstr("root")));
}

TEST_F(TlsTest, RefusesAKeyOfAnotherCertificateAndContinuesAsBefore) {
  const auto first = certified("first");
  serve({}, first);
  auto mixed = certified("second");
  mixed.key = first.key;
  EXPECT_THROW(server_->change(mixed), Error);
  EXPECT_THAT(asked_by_trusting("first"), EndsWith("servers\n"));
}

}  // namespace
}  // namespace pgkeep::server
