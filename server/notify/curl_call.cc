#include "server/notify/curl_call.h"

#include <algorithm>
#include <array>
#include <memory>
#include <mutex>

#include <arpa/inet.h>
#include <curl/curl.h>
#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/io/shown_text.h"

namespace pgkeep::server {
namespace {

constexpr long kConnectSeconds = 15;
constexpr long kSmtpSeconds = 120;
constexpr long kCallSeconds = 20;
constexpr long kBadRequest = 400;

using Lines = std::unique_ptr<curl_slist, decltype(&::curl_slist_free_all)>;

std::string_view authority_of(std::string_view url) {
  const auto begin = url.find("://");
  const auto rest = begin == url.npos ? url : url.substr(begin + 3);
  const auto authority = rest.substr(0, rest.find_first_of("/?#"));
  const auto at = authority.rfind('@');
  return at == authority.npos ? authority : authority.substr(at + 1);
}

bool is_this_host(const std::string& host) {
  return host == "localhost" || host == "::1" ||
         (host.starts_with("127.") && ::inet_addr(host.c_str()) != INADDR_NONE);
}

/// One call. Its options are ours; what goes wrong with setting them is a lack of memory.
class Call {
 public:
  Call(std::string_view url, std::stop_token stop) : about_(without_path(url)), stop_(std::move(stop)) {
    static std::once_flag once;
    std::call_once(once, [] { ::curl_global_init(CURL_GLOBAL_DEFAULT); });
    handle_.reset(::curl_easy_init());
    if (!handle_) throw std::bad_alloc();
    set(CURLOPT_URL, std::string(url).c_str());
    set(CURLOPT_NOSIGNAL, 1L);  // other threads run
    set(CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
    set(CURLOPT_ERRORBUFFER, problem_.data());
    set(CURLOPT_NOPROGRESS, 0L);
    set(CURLOPT_XFERINFOFUNCTION, &Call::is_unwanted);
    set(CURLOPT_XFERINFODATA, &stop_);
    set(CURLOPT_WRITEFUNCTION, &Call::pass_over);
  }

  template <typename Value>
  void set(CURLoption option, Value value) {
    if (::curl_easy_setopt(handle_.get(), option, value) != CURLE_OK) throw std::bad_alloc();
  }

  void perform() {
    const auto result = ::curl_easy_perform(handle_.get());
    if (stop_.stop_requested()) throw Interrupted(fmt::format("{}: stopped", about_));
    if (result == CURLE_OK) return;
    long code = 0;
    ::curl_easy_getinfo(handle_.get(), CURLINFO_RESPONSE_CODE, &code);
    const std::string_view said = problem_.front() != '\0' ? problem_.data() : ::curl_easy_strerror(result);
    throw Error(fmt::format("{}: {}{}", about_, io::without_controls(said),
                            code >= kBadRequest ? fmt::format(" (answer {})", code) : ""));
  }

  long answer() {
    long code = 0;
    ::curl_easy_getinfo(handle_.get(), CURLINFO_RESPONSE_CODE, &code);
    return code;
  }
  const std::string& about() const { return about_; }

 private:
  static int is_unwanted(void* stop, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    return static_cast<const std::stop_token*>(stop)->stop_requested() ? 1 : 0;
  }
  static std::size_t pass_over(const char* /*data*/, std::size_t size, std::size_t count, void* /*nobody*/) {
    return size * count;
  }

  std::string about_;
  std::stop_token stop_;
  std::array<char, CURL_ERROR_SIZE> problem_{};
  std::unique_ptr<CURL, decltype(&::curl_easy_cleanup)> handle_{nullptr, &::curl_easy_cleanup};
};

std::size_t give(char* into, std::size_t size, std::size_t count, void* from) {
  auto& left = *static_cast<std::string_view*>(from);
  const auto taken = std::min(left.size(), size * count);
  std::copy_n(left.data(), taken, into);
  left.remove_prefix(taken);
  return taken;
}

void add(const std::string& line, Lines& lines) {
  auto* longer = ::curl_slist_append(lines.get(), line.c_str());
  if (longer == nullptr) throw std::bad_alloc();
  static_cast<void>(lines.release());
  lines.reset(longer);
}

void perform_http(Call& call) {
  call.set(CURLOPT_PROTOCOLS_STR, "http,https");
  call.set(CURLOPT_TIMEOUT, kCallSeconds);
  call.perform();
  constexpr long kSuccess = 200;
  constexpr long kElsewhere = 300;
  if (const auto answer = call.answer(); answer < kSuccess || answer >= kElsewhere)
    throw Error(fmt::format("{}: it answered {}", call.about(), answer));
}

}  // namespace

std::string without_path(std::string_view url) {
  const auto end_of_scheme = url.find("://");
  const auto scheme = end_of_scheme == url.npos ? std::string_view() : url.substr(0, end_of_scheme + 3);
  return fmt::format("{}{}", scheme, authority_of(url));
}

std::string host_of(std::string_view url) {
  auto authority = authority_of(url);
  if (authority.starts_with('[')) return std::string(authority.substr(1, authority.find(']') - 1));
  return std::string(authority.substr(0, authority.rfind(':')));
}

void send_by_smtp(const SmtpMessage& message, const std::stop_token& stop) {
  Call call(message.url, stop);
  call.set(CURLOPT_PROTOCOLS_STR, "smtp,smtps");
  call.set(CURLOPT_TIMEOUT, kSmtpSeconds);
  call.set(CURLOPT_USE_SSL,
           static_cast<long>(is_this_host(host_of(message.url)) ? CURLUSESSL_NONE : CURLUSESSL_ALL));
  if (!message.user.empty()) {
    call.set(CURLOPT_USERNAME, message.user.c_str());
    call.set(CURLOPT_PASSWORD, message.password.c_str());
  }
  call.set(CURLOPT_MAIL_FROM, message.from.c_str());
  Lines to(nullptr, &::curl_slist_free_all);
  for (const auto& address : message.to) add(address, to);
  call.set(CURLOPT_MAIL_RCPT, to.get());
  std::string_view left = message.text;
  call.set(CURLOPT_UPLOAD, 1L);
  call.set(CURLOPT_READFUNCTION, &give);
  call.set(CURLOPT_READDATA, &left);
  call.perform();
}

void call_url(const std::string& url, const std::stop_token& stop) {
  Call call(url, stop);
  perform_http(call);
}

void post_json(const std::string& url, const std::string& token, const std::string& document,
               const std::stop_token& stop) {
  Call call(url, stop);
  Lines head(nullptr, &::curl_slist_free_all);
  add("Content-Type: application/json", head);
  if (!token.empty()) add("Authorization: Bearer " + token, head);
  call.set(CURLOPT_HTTPHEADER, head.get());
  call.set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(document.size()));
  call.set(CURLOPT_POSTFIELDS, document.c_str());
  perform_http(call);
}

}  // namespace pgkeep::server
