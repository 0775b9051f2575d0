#include "streaming/receive/wal_proof.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <variant>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "streaming/receive/held_witness.h"
#include "streaming/receive/wal_copy.h"
#include "streaming/receive/wal_start.h"
#include "streaming/wire/wal_message.h"

namespace pgkeep::streaming {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kNoSuchFile = "58P01";
/// So much is asked for again at most: more than a server keeps, unless it was told to keep it.
constexpr std::uint64_t kMostBytes = 1u << 30;
constexpr std::uint64_t kMostOfTheLastRecords = 64u << 10;

/// The next message of the COPY; nothing when the server has ended it.
std::optional<io::ByteView> next_message(Connection& connection, std::chrono::steady_clock::time_point by,
                                         milliseconds patience) {
  io::ByteView message;
  for (;;) {
    // Also while there is something to read: it may be keepalives alone.
    const auto left = std::chrono::ceil<milliseconds>(by - std::chrono::steady_clock::now());
    if (left <= milliseconds(0)) {
      throw ConnectionLost(
          fmt::format("{}: is asked for what it sent before, and has sent none of it for {} s",
                      connection.peer(), std::chrono::ceil<std::chrono::seconds>(patience).count()));
    }
    const auto state = connection.copy_poll(message);
    if (state == CopyState::data) return message;
    if (state == CopyState::ended) return std::nullopt;
    connection.wait_readable(left);
  }
}

/// The server ended what was asked for, because it shuts down, say: that proves nothing about its history.
[[noreturn]] void refuse_short_answer(const Connection& connection) {
  throw ConnectionLost(
      fmt::format("{}: ended the stream before it had sent again what it sent before", connection.peer()));
}

/// Compares, as it comes, what the server has with what is held: where they differ first.
std::optional<postgres::Lsn> first_difference(Connection& connection, const HeldWitness& held,
                                              const catalog::WalArchive& archive, milliseconds patience) {
  ArchivedBytes ours(archive, held.begin);
  if (start_wal_copy(connection, nullptr, held.begin)) refuse_short_answer(connection);
  io::ByteVector expected;
  std::optional<postgres::Lsn> differs;
  // Only WAL is an answer: a server that has nothing to send says so with keepalives for ever.
  auto by = std::chrono::steady_clock::now() + patience;
  for (auto at = held.begin.lsn; at < held.end && !differs;) {
    const auto message = next_message(connection, by, patience);
    if (!message) {
      read_end_of_wal_copy(connection);  // throws what the server ended it with
      refuse_short_answer(connection);
    }
    const auto parsed = parse_wal_message(*message);
    if (const auto* data = std::get_if<WalData>(&parsed)) {
      if (data->start != at) {
        throw ProtocolError(fmt::format("{}: sent WAL from {} on where {} was expected", connection.peer(),
                                        data->start.to_string(), at.to_string()));
      }
      const auto sent = data->data.first(std::min<std::uint64_t>(data->data.size(), held.end - at));
      expected.resize(sent.size());
      try {
        ours.read(expected);
      } catch (const Error&) {
        end_wal_copy(connection);  // for what else is asked
        throw;
      }
      const auto [theirs, same] = std::ranges::mismatch(sent, expected);
      if (theirs != sent.end()) differs = at + static_cast<std::uint64_t>(theirs - sent.begin());
      at = at + sent.size();
      if (!sent.empty()) by = std::chrono::steady_clock::now() + patience;
    } else if (std::get<Keepalive>(parsed).reply_now) {
      // No position: what is flushed here is reported by the stream alone.
      connection.copy_send(status_message({}, {}, io::now(), false));
    }
  }
  end_wal_copy(connection);
  return differs;
}

[[noreturn]] void refuse_other_history(const Connection& connection, const HeldWitness& held,
                                       postgres::Lsn at, const postgres::WalPosition& position,
                                       const catalog::WalArchive& archive) {
  const auto name = archive.layout().root().filename().native();
  throw RolledBack(fmt::format("{} has other WAL at {} of timeline {} than was received up to {}: "
                               "it was put back to an earlier state, or is another server of that timeline. "
                               "Nothing of it is stored. If it is the right server, "
                               "`pgkeep new-line {}` sets aside what is held and begins with a new backup. "
                               "If not, correct the conninfo, then `pgkeep new-line {} --keep`",
                               connection.peer(), at.to_string(), held.begin.timeline.to_string(),
                               position.lsn.to_string(), name, name),
                   catalog::WalRange{held.begin.timeline, at, position.lsn});
}

/// Whether the server has that WAL, and the same. One that has it no more says so instead of the COPY, or in
/// it.
bool has_the_same(Connection& connection, const HeldWitness& held, const postgres::WalPosition& position,
                  const catalog::WalArchive& archive, milliseconds patience) {
  try {
    if (const auto at = first_difference(connection, held, archive, patience))
      refuse_other_history(connection, held, *at, position, archive);
    return true;
  } catch (const ServerError& error) {
    if (error.sqlstate() == kNoSuchFile) return false;
    throw;
  }
}

HistoryProof prove_by_what_is_held(Connection& connection, const postgres::TimelineHistory& line,
                                   const postgres::WalPosition& position, const catalog::WalArchive& archive,
                                   milliseconds patience) {
  std::optional<HeldWitness> strong;
  bool damaged = false;
  try {
    strong = strong_witness(archive, line, position, kMostBytes);
    if (strong && has_the_same(connection, *strong, position, archive, patience)) return HistoryProof::same;
  } catch (const Corruption&) {
    damaged = true;
  }
  // It may have been put back all the same, and the last records tell.
  try {
    const auto weak = weak_witness(archive, line, position, kMostOfTheLastRecords);
    if (!strong && !weak && !damaged) return HistoryProof::nothing_held;
    if (weak) has_the_same(connection, *weak, position, archive, patience);
  } catch (const Corruption&) {
    damaged = true;
  }
  return damaged ? HistoryProof::damaged : HistoryProof::not_available;
}

}  // namespace

HistoryProof prove_same_history(Connection& connection, const postgres::TimelineHistory& line,
                                const postgres::WalPosition& position, const catalog::WalArchive& archive,
                                milliseconds patience) {
  constexpr int kLooks = 3;
  for (int look = 1;; ++look) {
    try {
      return prove_by_what_is_held(connection, line, position, archive, patience);
    } catch (const StorageError& error) {
      // An expiry has let go of it meanwhile. What is held now has to do.
      if (error.cause() != ENOENT || look == kLooks) throw;
    }
  }
}

}  // namespace pgkeep::streaming
