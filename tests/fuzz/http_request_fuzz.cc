#include <algorithm>
#include <stdexcept>
#include <string>

#include "server/http/request_gate.h"
#include "tests/fuzz/input.h"

// Heads of HTTP requests that say anything. Whoever they come from, the handler sees only what may be
// answered: asked for by GET or HEAD, without a body, of a path that leads nowhere up, by who has the token,
// or, where there is none, for an address.

namespace {

using namespace pgkeep;
using fuzz::require;

constexpr std::string_view kToken = "sixteen-or-more-signs";

/// Of the field's usual values, or anything.
std::string field(fuzz::Input& input, std::initializer_list<std::string_view> usual) {
  const auto which = input.byte() % (usual.size() + 2);
  if (which < usual.size()) return std::string(usual.begin()[which]);
  auto text = which == usual.size() ? std::string(usual.begin()[input.byte() % usual.size()]) : std::string();
  const auto at = text.empty() ? 0 : input.byte() % text.size();
  return text.insert(at, input.text(input.byte()));
}

/// What no name of a host in the internet looks like.
bool seems_an_address(const std::string& host) {
  const auto is_of_address = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':' ||
           c == '.' || c == '[' || c == ']';
  };
  auto name = host.substr(0, host.find(':'));
  for (auto& c : name)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return name == "localhost" || std::ranges::all_of(host, is_of_address);
}

/// Of what is base64 in `text`, whatever stands between: good enough to find the token in it.
std::string decoded(std::string_view text) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string result;
  unsigned bits = 0;
  int count = 0;
  for (const char c : text) {
    const auto digit = kDigits.find(c);
    if (digit == kDigits.npos) continue;
    bits = bits << 6 | static_cast<unsigned>(digit);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    result += static_cast<char>(bits >> count & 0xff);
  }
  return result;
}

/// As it is, or as the end of what follows the scheme in base64.
bool holds_token(const std::string& authorization) {
  const auto space = std::min(authorization.find(' '), authorization.size());
  return authorization.find(kToken) != authorization.npos ||
         decoded(std::string_view(authorization).substr(space))
             .ends_with(std::string(":") + std::string(kToken));
}

void check_seen(const server::HttpRequest& request) {
  for (const auto& step : request.path) {
    require(step != "." && step != "..", "a step that leads up");
    for (const char c : step)
      require(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f, "a control character");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const bool with_token = input.byte() % 2 == 0;
  const bool has_body = input.byte() % 8 == 0;
  const auto method = field(input, {"GET", "HEAD", "POST"});
  const auto target = field(input, {"/", "/healthz", "/servers/main", "/a/%2e%2e/b", "/x?y=%41", "*"});
  const auto host = field(input, {"127.0.0.1:8432", "localhost", "[::1]:1", "evil.example", ""});
  const auto authorization = field(input, {"", "Bearer sixteen-or-more-signs",
                                           "Basic YW55OnNpeHRlZW4tb3ItbW9yZS1zaWducw==", "Basic Og=="});
  bool answered = false;
  bool open = false;
  const server::RequestGate gate{.token = std::string(with_token ? kToken : ""),
                                 .open_path = "healthz",
                                 .handler = [&](const server::HttpRequest& request) -> server::HttpAnswer {
                                   answered = true;
                                   open = request.path.size() == 1 && request.path[0] == "healthz";
                                   check_seen(request);
                                   if (request.query == "y=%41") throw std::runtime_error("no answer");
                                   return server::text_answer(200, "seen");
                                 },
                                 .failed = [](std::string_view) {}};
  const auto answer = gate.answer({method, target, host, authorization, has_body});
  require(answer.body != nullptr && answer.status >= 200 && answer.status < 600, "no answer");
  require(answered == (answer.status == 200 || answer.status == 500), "an answer that is not the handler's");
  if (!answered) return 0;
  require(method == "GET" || method == "HEAD", "another method is answered");
  require(!has_body, "a body is taken");
  require(target.starts_with('/'), "a target from elsewhere");
  if (open) return 0;
  if (with_token)
    require(holds_token(authorization), "answered without the token");
  else
    require(seems_an_address(host), "a name of others is answered to");
  return 0;
}
