#pragma once

#include <map>
#include <string>
#include <string_view>

#include "catalog/io/handle.h"

namespace pgkeep::test {

/// What was answered to one request.
struct HttpReply {
  int status = 0;                              // 0: the connection ended without an answer
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
};

/// One connection to a port of this host, on which a test says what it likes.
class HttpClient {
 public:
  /// Throws when nobody listens.
  explicit HttpClient(int port);

  /// As much as is taken; what the other end no longer takes is lost.
  void send(std::string_view text) const;
  /// All that comes until the other end closes. Throws after kPatience.
  std::string read_to_end() const;
  /// Whether the other end has closed, without waiting.
  bool is_closed() const;

 private:
  io::UniqueFd socket_;
};

/// The reply in `text`, which holds one.
HttpReply parse_reply(const std::string& text);

/// Asks for a path of a port of this host. `headers` are whole lines: "Authorization: Bearer x\r\n".
HttpReply http_get(int port, const std::string& path, const std::string& headers = {});

}  // namespace pgkeep::test
