#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "catalog/io/error.h"

namespace pgkeep::streaming {

// A server that refuses a connection, or a command on one: its SQLSTATE, and what to do about it.
//
// libpq 13 to 17 give no error fields for a connection that was refused, only a message. In its verbose form
// that has the server's SQLSTATE, in a place that no translation changes:
//
//     connection to server at "HOST", port PORT failed: FATAL:  28P01: password authentication failed …
//     LOCATION:  auth_failed, auth.c:338

/// The SQLSTATE with which the last server tried answered; nothing when none did (unreachable, broken off).
std::optional<std::string> sqlstate_of_connect_message(std::string_view verbose);

/// Throws what the message means: ServerError when the server answered or wants a password that nobody gave,
/// else ConnectionLost. `peer` is for the message.
[[noreturn]] void throw_connect_failure(std::string_view peer, std::string_view verbose, bool needs_password);

/// The refusal of a WAL stream, with what to do about it where that is known. `slot` is the stream's.
ServerError with_advice(const ServerError& error, const std::string& slot);

/// True for a refused log-in: the server must not be asked again soon, since it may lock the role out.
bool is_refused_login(const ServerError& error);

}  // namespace pgkeep::streaming
