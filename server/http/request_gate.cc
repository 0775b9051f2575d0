#include "server/http/request_gate.h"

#include <algorithm>
#include <array>
#include <cctype>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

namespace pgkeep::server {
namespace {

std::optional<unsigned> hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a') + 10;
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A') + 10;
  return std::nullopt;
}

bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7f;
}

std::optional<std::string> decoded(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      if (i + 2 >= text.size()) return std::nullopt;
      const auto high = hex_digit(text[i + 1]);
      const auto low = hex_digit(text[i + 2]);
      if (!high || !low) return std::nullopt;
      c = static_cast<char>(*high * 16 + *low);
      i += 2;
    }
    if (is_control(c)) return std::nullopt;
    result += c;
  }
  return result;
}

bool same_but_for_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return std::tolower(static_cast<unsigned char>(c)); };
  return std::ranges::equal(a, b, {}, lower, lower);
}

/// The rest of a header's value after its scheme; nothing when it has another.
std::optional<std::string_view> after_scheme(std::string_view value, std::string_view scheme) {
  const auto space = value.find(' ');
  if (space == value.npos || !same_but_for_case(value.substr(0, space), scheme)) return std::nullopt;
  value.remove_prefix(space);
  value.remove_prefix(std::min(value.size(), value.find_first_not_of(' ')));
  while (value.ends_with(' ')) value.remove_suffix(1);
  return value;
}

/// Of RFC 4648, padded.
std::optional<std::string> from_base64(std::string_view text) {
  constexpr std::size_t kLongest = 8192;
  if (text.empty() || text.size() % 4 != 0 || text.size() > kLongest) return std::nullopt;
  std::size_t padding = 0;
  while (padding < 2 && text[text.size() - 1 - padding] == '=') ++padding;
  if (text.substr(0, text.size() - padding).find('=') != text.npos) return std::nullopt;
  std::string result(text.size() / 4 * 3, '\0');
  const int length =
      ::EVP_DecodeBlock(reinterpret_cast<unsigned char*>(result.data()),
                        reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  if (length < 0) return std::nullopt;
  result.resize(static_cast<std::size_t>(length) - padding);
  return result;
}

bool is_same_secret(std::string_view given, std::string_view expected) {
  return given.size() == expected.size() &&
         ::CRYPTO_memcmp(given.data(), expected.data(), expected.size()) == 0;
}

HttpAnswer unauthorized() {
  auto answer = text_answer(401, "a token is needed: as Authorization: Bearer TOKEN, or as the password");
  answer.headers = {{"WWW-Authenticate", "Basic realm=\"pgkeep\", charset=\"UTF-8\""}};
  return answer;
}

}  // namespace

HttpAnswer text_answer(unsigned status, std::string_view line) {
  HttpAnswer answer;
  answer.status = status;
  answer.body = std::make_shared<const std::string>(fmt::format("{}\n", line));
  return answer;
}

std::optional<HttpRequest> parse_target(std::string_view target) {
  if (!target.starts_with('/') || target.find('#') != target.npos) return std::nullopt;
  HttpRequest request;
  const auto mark = target.find('?');
  auto path = target.substr(1, mark == target.npos ? mark : mark - 1);
  if (mark != target.npos) request.query = target.substr(mark + 1);
  if (std::ranges::any_of(request.query, is_control)) return std::nullopt;
  while (!path.empty()) {
    const auto slash = path.find('/');
    auto step = decoded(path.substr(0, slash));
    if (!step || *step == "." || *step == "..") return std::nullopt;
    request.path.push_back(*std::move(step));
    if (slash == path.npos) break;
    path.remove_prefix(slash + 1);
    if (path.empty()) request.path.emplace_back();  // it ended with a slash
  }
  return request;
}

bool carries_token(std::string_view authorization, const std::string& token) {
  if (token.empty()) return false;
  if (const auto bearer = after_scheme(authorization, "Bearer")) return is_same_secret(*bearer, token);
  const auto basic = after_scheme(authorization, "Basic");
  const auto user_and_password = basic ? from_base64(*basic) : std::nullopt;
  if (!user_and_password) return false;
  const auto colon = user_and_password->find(':');
  if (colon == std::string::npos) return false;
  return is_same_secret(std::string_view(*user_and_password).substr(colon + 1), token);
}

bool names_an_address(std::string_view host) {
  const auto is_port = [](std::string_view text) {
    return text.empty() || (text.front() == ':' && text.size() <= 6 &&
                            std::ranges::all_of(text.substr(1), [](char c) { return c >= '0' && c <= '9'; }));
  };
  if (host.find('\0') != host.npos) return false;
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  if (host.starts_with('[')) {
    const auto end = host.find(']');
    if (end == host.npos || !is_port(host.substr(end + 1))) return false;
    return ::inet_pton(AF_INET6, std::string(host.substr(1, end - 1)).c_str(), bytes.data()) == 1;
  }
  const auto colon = std::min(host.find(':'), host.size());
  if (!is_port(host.substr(colon))) return false;
  const std::string name(host.substr(0, colon));
  return same_but_for_case(name, "localhost") || ::inet_pton(AF_INET, name.c_str(), bytes.data()) == 1;
}

HttpAnswer RequestGate::answer(const RequestHead& head) const {
  if (head.method != "GET" && head.method != "HEAD")
    return text_answer(405, "nothing can be changed here; GET and HEAD are answered");
  if (head.has_body) return text_answer(400, "a request without a body is expected");
  const auto request = parse_target(head.target);
  if (!request) return text_answer(400, "the address cannot be understood");
  const bool open = request->path.size() == 1 && request->path.front() == open_path;
  if (!open) {
    if (!token.empty() && !carries_token(head.authorization, token)) return unauthorized();
    // A browser sends a token to nobody's name but the one that it was given for.
    if (token.empty() && !names_an_address(head.host))
      return text_answer(421,
                         "without http.token_file only an address or localhost is answered to; see "
                         "\"Watching the fleet over HTTP\" in the manual");
  }
  try {
    return handler(*request);
  } catch (const std::exception& failure) {
    failed(failure.what());
    return text_answer(500, "the answer could not be made; the log of pgkeep serve says why");
  }
}

}  // namespace pgkeep::server
