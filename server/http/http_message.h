#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pgkeep::server {

/// What a client asked for with GET or HEAD, once it may.
struct HttpRequest {
  std::vector<std::string> path;  // decoded: {"servers", "main"}; none: the root
  std::string query;              // as it came, without its '?'
};

/// What is answered to it; to HEAD as well, which gets all but the body.
struct HttpAnswer {
  unsigned status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  /// Shared with all connections that are being answered: each may take long to read it. Never null.
  std::shared_ptr<const std::string> body = std::make_shared<const std::string>();
  /// More sources than 'none' that a page of ours may use, as "style-src 'unsafe-inline'".
  std::string page_may_use = {};
  std::vector<std::pair<std::string, std::string>> headers = {};  // more of them
};

/// A line of text, as of an error. It ends with a newline.
HttpAnswer text_answer(unsigned status, std::string_view line);

/// Answers from what is in memory: on the thread that serves all clients, which it must not hold up. What it
/// throws is answered with 500.
using HttpHandler = std::function<HttpAnswer(const HttpRequest&)>;

}  // namespace pgkeep::server
