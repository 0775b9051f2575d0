#pragma once

#include "server/config/config.h"
#include "server/http/http_server.h"

namespace pgkeep::server {

/// Reads the token, the certificate and the key that the configuration names. `listen` must be set. Throws
/// Error: a file that cannot be read or is not what it should be, or a secret that others may read.
HttpAccess read_http_access(const HttpConfig& config);

}  // namespace pgkeep::server
