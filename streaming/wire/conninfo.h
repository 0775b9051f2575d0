#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "streaming/wire/connection.h"

namespace pgkeep::streaming {

/// libpq's connection keywords with their values, in order; of a repeated keyword the last counts.
using Keywords = std::vector<std::pair<std::string, std::string>>;

/// What an operator's conninfo (keywords or URI) says, nothing added. Throws UsageError, without showing
/// anything that could be a password.
Keywords parse_conninfo(std::string_view conninfo);

/// One set of keywords for each host to try, in order: the conninfo's own, our defaults before them
/// (keepalives, timeouts) and what must be so after them (replication, application_name). libpq itself would
/// go through several hosts, but its asynchronous interface cannot leave a host that does not answer.
std::vector<Keywords> connection_attempts(const ConnectionSettings& settings, ConnectionKind kind);

/// One conninfo for each host of `conninfo`, in its order, so that each can be looked at by itself; the
/// conninfo's own target_session_attrs are replaced by "any". They hold its password: not for messages. One
/// alone for one host, or for lists that libpq is to refuse in its own words.
std::vector<std::string> split_hosts(std::string_view conninfo);

/// The machine that `conninfo` leads to, the first of several: its `host`, else its `hostaddr`, else nothing
/// (this machine). For telling whether two servers share one.
std::string first_host(std::string_view conninfo);

/// How long one host may take: the conninfo's connect_timeout, else ours. Nothing: for ever (0 or less, as in
/// libpq).
std::optional<std::chrono::seconds> connect_timeout(const ConnectionSettings& settings);

}  // namespace pgkeep::streaming
