#pragma once

#include <cstdint>
#include <optional>

namespace pgkeep::streaming {

/// How many bytes have come over a TCP socket so far and were read from it. Nothing for other sockets.
///
/// libpq does not say how much it reads, nor does it limit that: it keeps a message until it is whole, up to
/// 1 GiB, and settings and notifications of a server for as long as the connection lives.
std::optional<std::uint64_t> bytes_read(int socket);

/// What the kernel has for us and was not read yet; 0 when it cannot be asked.
int unread_bytes(int socket);

/// False for one that is not there, too.
bool is_unix_socket(int socket);

}  // namespace pgkeep::streaming
