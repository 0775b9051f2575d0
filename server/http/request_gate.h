#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "server/http/http_message.h"

namespace pgkeep::server {

/// The head of a request, as its client wrote it.
struct RequestHead {
  std::string_view method;
  std::string_view target;
  std::string_view host;           // empty: there was none
  std::string_view authorization;  // likewise
  bool has_body = false;           // or says so
};

/// The path and the query of a target, or nothing where it is not what a client of ours sends: not from the
/// root, with an escape that is none, a control character, or a step up. Pure.
std::optional<HttpRequest> parse_target(std::string_view target);

/// Whether the value of an Authorization header carries the token: as Bearer, or as the password of Basic,
/// whatever the user. Takes as long for any token of the same length. Pure.
bool carries_token(std::string_view authorization, const std::string& token);

/// Whether a Host header names an address or localhost. A page in somebody's browser that has its own name
/// resolve to our address (DNS rebinding) has its name there. Pure.
bool names_an_address(std::string_view host);

/// Who may have what of a handler. Read only, and without a token only to who asks for an address: see
/// names_an_address(). Never throws, but for memory; what the handler throws is answered with 500, and its
/// message given to `failed`.
struct RequestGate {
  std::string token;      // empty: none is asked for
  std::string open_path;  // that all may ask for: "healthz"
  HttpHandler handler;
  std::function<void(std::string_view)> failed;

  HttpAnswer answer(const RequestHead& head) const;
};

}  // namespace pgkeep::server
