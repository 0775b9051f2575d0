#pragma once

#include <string>

#include "catalog/io/error.h"

namespace pgkeep::streaming {

/// The server's refusal of a WAL stream, with what to do about it where that is known. `slot` is the
/// stream's.
ServerError with_advice(const ServerError& error, const std::string& slot);

/// True for a refused log-in: a server must not be asked again soon, and may lock the role out.
bool is_refused_login(const ServerError& error);

}  // namespace pgkeep::streaming
