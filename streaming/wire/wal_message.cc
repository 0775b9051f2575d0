#include "streaming/wire/wal_message.h"

#include <limits>

#include <fmt/format.h>

#include "catalog/io/error.h"

namespace pgkeep::streaming {
namespace {

constexpr std::size_t kWalHeaderBytes = 25;
constexpr std::size_t kKeepaliveBytes = 18;

void require_length(io::ByteView message, std::size_t at_least, const char* what) {
  if (message.size() >= at_least) return;
  throw ProtocolError(
      fmt::format("the server sent a {} message of {} bytes, which has at least {}; the stream was given up",
                  what, message.size(), at_least));
}

postgres::Lsn lsn_at(const std::byte* at) {
  return postgres::Lsn(io::load_be<std::uint64_t>(at));
}

io::TimePoint time_at(const std::byte* at) {
  return io::from_postgres_time(static_cast<std::int64_t>(io::load_be<std::uint64_t>(at)));
}

WalData parse_wal_data(io::ByteView message) {
  require_length(message, kWalHeaderBytes, "WAL data");
  const WalData wal{lsn_at(&message[1]), lsn_at(&message[9]), time_at(&message[17]),
                    message.subspan(kWalHeaderBytes)};
  if (wal.data.size() > std::numeric_limits<std::uint64_t>::max() - wal.start.value()) {
    throw ProtocolError(
        fmt::format("the server sent {} bytes of WAL at {}, past the last LSN; the stream was given up",
                    wal.data.size(), wal.start.to_string()));
  }
  return wal;
}

Keepalive parse_keepalive(io::ByteView message) {
  require_length(message, kKeepaliveBytes, "keepalive");
  return {lsn_at(&message[1]), time_at(&message[9]), message[17] != std::byte{0}};
}

}  // namespace

std::variant<WalData, Keepalive> parse_wal_message(io::ByteView message) {
  const auto type = message.empty() ? std::byte{0} : message[0];
  if (type == std::byte{'w'}) return parse_wal_data(message);
  if (type == std::byte{'k'}) return parse_keepalive(message);
  throw ProtocolError(
      fmt::format("the server sent a replication message of unknown type 0x{:02x} ({} bytes); "
                  "the stream was given up",
                  static_cast<unsigned>(type), message.size()));
}

std::array<std::byte, 34> status_message(postgres::Lsn written, postgres::Lsn flushed, io::TimePoint now,
                                         bool reply_now) {
  std::array<std::byte, 34> message{};
  message[0] = std::byte{'r'};
  io::store_be(&message[1], written.value());
  io::store_be(&message[9], flushed.value());
  // 17: applied stays 0. Anything else would release commits that wait for remote_apply.
  io::store_be(&message[25], static_cast<std::uint64_t>(io::to_postgres_time(now)));
  message[33] = std::byte{reply_now};
  return message;
}

}  // namespace pgkeep::streaming
