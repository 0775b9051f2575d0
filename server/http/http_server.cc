#include "server/http/http_server.h"

#include <array>
#include <fcntl.h>
#include <optional>
#include <thread>
#include <type_traits>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/span_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "catalog/io/error.h"

namespace pgkeep::server {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
// All runs on one io_context; that it could be any executor would cost an indirection everywhere.
using Executor = asio::io_context::executor_type;
using Socket = asio::basic_stream_socket<tcp, Executor>;
using Acceptor = asio::basic_socket_acceptor<tcp, Executor>;
using Timer = asio::basic_waitable_timer<std::chrono::steady_clock,
                                         asio::wait_traits<std::chrono::steady_clock>, Executor>;
using TcpStream = beast::basic_stream<tcp, Executor>;
using TlsStream = beast::ssl_stream<TcpStream>;
using boost::system::error_code;

constexpr std::chrono::milliseconds kAfterFailedAccept{100};
constexpr std::chrono::seconds kToHangUp{2};
constexpr std::string_view kFull =
    "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 10\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

/// A program that is started meanwhile, as sendmail, would hold the port and the clients' connections open.
/// Asio does not see to it.
void keep_from_children(auto& socket) {
  ::fcntl(socket.native_handle(), F_SETFD, FD_CLOEXEC);
}

/// What new connections go by.
struct Terms {
  RequestGate gate;
  std::optional<asio::ssl::context> tls;
};
using SharedTerms = std::shared_ptr<Terms>;  // of the server, and of the connections that began with them

std::optional<asio::ssl::context> tls_of(const HttpAccess& access) {
  if (access.certificate.empty()) return std::nullopt;
  asio::ssl::context tls(asio::ssl::context::tls_server);
  tls.set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_sslv2 |
                  asio::ssl::context::no_sslv3 | asio::ssl::context::no_tlsv1 |
                  asio::ssl::context::no_tlsv1_1);
  error_code error;
  const auto require = [&](std::string_view what) {
    if (error) throw Error(fmt::format("http: the {} cannot be used: {}", what, error.message()));
  };
  // Without it OpenSSL asks the terminal for a password.
  tls.set_password_callback([](std::size_t, asio::ssl::context::password_purpose) { return std::string(); });
  tls.use_certificate_chain(asio::buffer(access.certificate), error);
  require("certificate");
  tls.use_private_key(asio::buffer(access.key), asio::ssl::context::pem, error);
  require("key (it must be in PEM, without a password, and that of the certificate)");
  return tls;
}

using Answer = http::response<http::span_body<const char>>;

/// `of` stays alive while it is sent. To HEAD nothing but the head.
Answer written(const HttpAnswer& of, unsigned version, bool keep_alive, bool head) {
  Answer answer;
  answer.version(version);
  answer.result(of.status);
  answer.keep_alive(keep_alive);
  answer.set(http::field::content_type, of.content_type);
  answer.set(http::field::cache_control, "no-store");
  answer.set("X-Content-Type-Options", "nosniff");
  answer.set("Referrer-Policy", "no-referrer");
  answer.set("Cross-Origin-Resource-Policy", "same-origin");
  answer.set(
      "Content-Security-Policy",
      fmt::format("default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'{}{}",
                  of.page_may_use.empty() ? "" : "; ", of.page_may_use));
  for (const auto& [name, value] : of.headers) answer.set(name, value);
  if (of.status == 405) answer.set(http::field::allow, "GET, HEAD");
  answer.content_length(of.body->size());
  if (!head) answer.body() = {of.body->data(), of.body->size()};
  return answer;
}

std::string_view viewed(beast::string_view text) {
  return {text.data(), text.size()};
}

/// What connections share with their server, on its thread.
struct Shared {
  HttpLimits limits;
  SharedTerms terms;  // as they are now
  std::size_t open = 0;
};

/// One client, over TCP or over TLS. Lives while something of it is under way: Asio's handlers own it.
template <typename Stream>
class Connection : public std::enable_shared_from_this<Connection<Stream>> {
 public:
  static constexpr bool kTls = !std::is_same_v<Stream, TcpStream>;

  Connection(Stream stream, SharedTerms terms, Shared& shared)
      : stream_(std::move(stream)), terms_(std::move(terms)), shared_(&shared), buffer_(2 * kReadAtOnce) {
    ++shared_->open;
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() { --shared_->open; }

  void begin() {
    if constexpr (kTls) {
      tcp_stream().expires_after(shared_->limits.request);
      stream_.async_handshake(asio::ssl::stream_base::server,
                              [self = this->shared_from_this()](error_code error) {
                                if (!error) self->read();
                              });
    } else {
      read();
    }
  }

 private:
  static constexpr std::size_t kReadAtOnce = 8192;

  TcpStream& tcp_stream() {
    if constexpr (kTls)
      return stream_.next_layer();
    else
      return stream_;
  }

  /// One time for all of the request, however slowly it drips.
  void read() {
    parser_.emplace();
    parser_->header_limit(shared_->limits.head_bytes);
    parser_->body_limit(boost::none);  // none is read
    tcp_stream().expires_after(shared_->limits.request);
    http::async_read_header(
        stream_, buffer_, *parser_,
        [self = this->shared_from_this()](error_code error, std::size_t) { self->on_read(error); });
  }

  void on_read(error_code error) {
    if (error == http::error::end_of_stream) return hang_up();
    if (error == http::error::header_limit || error == http::error::buffer_overflow)
      return answer(text_answer(431, "the head of the request is too long"), false, false);
    // Whatever is no HTTP; a connection that failed or took too long gets nothing.
    if (error && error.category() == http::make_error_code(http::error::bad_method).category() &&
        error != http::error::partial_message)
      return answer(text_answer(400, "this is no HTTP request"), false, false);
    if (error) return;
    const auto& head = parser_->get();
    const bool has_body = parser_->chunked() || parser_->content_length().value_or(0) != 0;
    const RequestHead asked{.method = viewed(head.method_string()),
                            .target = viewed(head.target()),
                            .host = viewed(head[http::field::host]),
                            .authorization = viewed(head[http::field::authorization]),
                            .has_body = has_body};
    // By the token of now: one that was replaced opens nothing any more, on no connection.
    answer(shared_->terms->gate.answer(asked), head.keep_alive() && !has_body,
           head.method() == http::verb::head);
  }

  void answer(HttpAnswer with, bool keep_alive, bool head) {
    answer_ = std::move(with);
    message_.emplace(written(answer_, parser_->get().version() == 10 ? 10 : 11, keep_alive, head));
    tcp_stream().expires_after(shared_->limits.answer);
    http::async_write(stream_, *message_,
                      [self = this->shared_from_this(), keep_alive](error_code error, std::size_t) {
                        if (error) return;
                        keep_alive ? self->read() : self->hang_up();
                      });
  }

  /// What the client still sends is taken for a moment: closing before would make its system throw our
  /// answer away.
  void hang_up() {
    answer_ = {};
    tcp_stream().expires_after(kToHangUp);
    if constexpr (kTls) {
      stream_.async_shutdown([self = this->shared_from_this()](error_code) {});
    } else {
      error_code ignored;
      stream_.socket().shutdown(Socket::shutdown_send, ignored);
      discard();
    }
  }

  void discard() {
    tcp_stream().async_read_some(asio::buffer(discarded_),
                                 [self = this->shared_from_this()](error_code error, std::size_t) {
                                   if (!error) self->discard();
                                 });
  }

  Stream stream_;
  SharedTerms terms_;  // that it began with: of its TLS
  Shared* shared_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::empty_body>> parser_;
  HttpAnswer answer_;
  std::optional<Answer> message_;
  std::array<char, 1024> discarded_{};
};

}  // namespace

class HttpServer::Core {
 public:
  Core(const HttpAccess& access, std::string open_path, HttpHandler handler, Log log,
       const HttpLimits& limits)
      : shared_{.limits = limits, .terms = {}}, log_(std::move(log)), acceptor_(io_), pause_(io_) {
    gate_.open_path = std::move(open_path);
    gate_.handler = std::move(handler);
    gate_.failed = [this](std::string_view why) {
      log_->error("http: a request could not be answered: {}", why);
    };
    shared_.terms = terms_of(access);
    listen(access);
    accept();
    thread_ = std::jthread([this] { work(); });
  }
  ~Core() { io_.stop(); }
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  void change(const HttpAccess& access) {
    asio::post(io_, [this, terms = terms_of(access)]() mutable { shared_.terms = std::move(terms); });
  }
  std::uint16_t port() const { return port_; }

 private:
  SharedTerms terms_of(const HttpAccess& access) const {
    auto gate = gate_;
    gate.token = access.token;
    return std::make_shared<Terms>(Terms{std::move(gate), tls_of(access)});
  }

  void listen(const HttpAccess& access) {
    try {
      const tcp::endpoint endpoint(asio::ip::make_address(access.address), access.port);
      acceptor_.open(endpoint.protocol());
      keep_from_children(acceptor_);
      acceptor_.set_option(Acceptor::reuse_address(true));
      acceptor_.bind(endpoint);
      acceptor_.listen();
      acceptor_.non_blocking(true);
      port_ = acceptor_.local_endpoint().port();
    } catch (const boost::system::system_error& failure) {
      throw Error(fmt::format("http: cannot listen on {} port {}: {}; `http.listen` says where",
                              access.address, access.port, failure.code().message()));
    }
  }

  void work() {
    for (;;) {
      try {
        io_.run();
        return;  // it was stopped
      } catch (const std::exception& failure) {
        log_->error("http: {}", failure.what());
      }
    }
  }

  void accept() {
    acceptor_.async_accept([this](error_code error, Socket socket) {
      if (error == asio::error::operation_aborted) return;
      if (error) {
        // Out of descriptors: it would fail again at once.
        pause_.expires_after(kAfterFailedAccept);
        pause_.async_wait([this](error_code stopped) {
          if (!stopped) accept();
        });
        return;
      }
      accept();
      keep_from_children(socket);
      take(std::move(socket));
    });
  }

  void take(Socket socket) {
    if (shared_.open >= shared_.limits.connections) return turn_away(socket);
    error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    TcpStream tcp(std::move(socket));
    const auto& terms = shared_.terms;
    if (!terms->tls) {
      std::make_shared<Connection<TcpStream>>(std::move(tcp), terms, shared_)->begin();
      return;
    }
    std::make_shared<Connection<TlsStream>>(TlsStream(std::move(tcp), *terms->tls), terms, shared_)->begin();
  }

  void turn_away(Socket& socket) const {
    error_code ignored;
    socket.non_blocking(true, ignored);
    if (!shared_.terms->tls) socket.write_some(asio::buffer(kFull.data(), kFull.size()), ignored);
  }

  Shared shared_;
  Log log_;
  RequestGate gate_;  // without a token
  std::uint16_t port_ = 0;
  asio::io_context io_{1};  // destroys the connections, which use the above
  Acceptor acceptor_;
  Timer pause_;
  std::jthread thread_;  // last: it uses all of the above
};

HttpServer::HttpServer(const HttpAccess& access, std::string open_path, HttpHandler handler, Log log,
                       const HttpLimits& limits)
    : core_(
          std::make_unique<Core>(access, std::move(open_path), std::move(handler), std::move(log), limits)) {}

HttpServer::~HttpServer() = default;

void HttpServer::change(const HttpAccess& access) {
  core_->change(access);
}

std::uint16_t HttpServer::port() const {
  return core_->port();
}

}  // namespace pgkeep::server
