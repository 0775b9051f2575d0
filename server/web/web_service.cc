#include "server/web/web_service.h"

#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include "catalog/io/error.h"
#include "server/web/http_secrets.h"

namespace pgkeep::server {
namespace {

constexpr std::chrono::seconds kTryAgainIn{5};
constexpr const char* kHealth = "healthz";

}  // namespace

WebService::WebService(WebQuestions questions, Log log, FleetLook::Times times)
    : questions_(std::move(questions)), log_(std::move(log)), times_(times) {}

WebService::~WebService() = default;

std::string WebService::apply(const HttpConfig& config) {
  const std::scoped_lock lock(mutex_);
  if (stopped_) return {};
  config_ = config;
  complaint_.clear();
  pending_ = true;
  try_to_serve();
  return complaint_;
}

void WebService::look_after() {
  const std::scoped_lock lock(mutex_);
  if (pending_ && !stopped_ && std::chrono::steady_clock::now() >= next_try_) try_to_serve();
}

void WebService::try_to_serve() {
  try {
    if (config_.listen) {
      serve(read_http_access(config_));
    } else if (std::exchange(server_, nullptr)) {
      log_->info("http: no longer answered");
      serves_.reset();
    }
    pending_ = false;
  } catch (const std::exception& failure) {
    next_try_ = std::chrono::steady_clock::now() + kTryAgainIn;
    if (std::exchange(complaint_, failure.what()) == failure.what()) return;
    log_->error("{}. {}; WAL is received all the same, and it is tried again", failure.what(),
                server_ ? "HTTP is answered as before" : "HTTP is not answered");
  }
}

void WebService::serve(const HttpAccess& access) {
  if (server_ && serves_ == config_.listen) {
    server_->change(access);
    return;
  }
  // Two addresses may hold one port: the one before, and all of them.
  if (server_ && serves_->port == config_.listen->port) server_.reset();
  if (!look_) look_.emplace(questions_.look, log_, times_);
  server_ = std::make_unique<HttpServer>(
      access, kHealth, [this](const HttpRequest& request) { return answer(request); }, log_);
  serves_ = config_.listen;
  log_->info("{} is answered on {}", access.certificate.empty() ? "HTTP" : "HTTPS", serves_->text());
}

void WebService::stop() {
  const std::scoped_lock lock(mutex_);
  stopped_ = true;
  server_.reset();
  if (look_) look_->stop();
}

bool WebService::finish(std::chrono::steady_clock::time_point until) {
  return !look_ || look_->finish(until);
}

HttpAnswer WebService::answer(const HttpRequest& request) {
  const auto path = fmt::format("{}", fmt::join(request.path, "/"));
  if (path == kHealth) {
    const auto ailing = questions_.ailing();
    return ailing.empty() ? text_answer(200, "ok") : text_answer(503, ailing);
  }
  if (!may_be_document(path)) return text_answer(404, "there is no such page; / shows the fleet");
  return answer_about_fleet(path);
}

HttpAnswer WebService::answer_about_fleet(const std::string& path) {
  const auto seen = look_->newest();
  if (!seen.documents) {
    auto answer = text_answer(503, "the fleet is being looked at; ask again in some seconds");
    answer.headers = {{"Retry-After", "2"}, {"Refresh", "2"}};
    return answer;
  }
  const auto document = seen.documents->find(path);
  if (!document) return text_answer(404, "there is no such server, or nothing of that kind is told of it");
  HttpAnswer answer;
  answer.content_type = document->content_type;
  answer.body = document->text;
  answer.headers = {{"Age", std::to_string(seen.age.count())}};
  static const auto kPagePolicy =
      fmt::format("style-src 'unsafe-inline'; connect-src 'self'; script-src {}", script_source());
  if (document->is_page) answer.page_may_use = kPagePolicy;
  return answer;
}

}  // namespace pgkeep::server
