#include "streaming/wal_proof.h"

#include <algorithm>
#include <chrono>
#include <variant>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "streaming/wal_copy.h"
#include "streaming/wal_message.h"
#include "streaming/wal_start.h"

namespace pgkeep::streaming {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kNoSuchFile = "58P01";
/// A record's header has its CRC, so of a longer last record the beginning is enough.
constexpr std::uint64_t kMostBytes = 64u << 10;
constexpr std::chrono::seconds kAnswerTime{60};

/// The last records of an archived segment, from the first byte of a page on.
struct LastRecords {
  postgres::WalPosition begin;
  io::ByteVector bytes;
};

postgres::Lsn begin_of_page(postgres::Lsn lsn) {
  return postgres::Lsn(lsn.value() / postgres::kWalBlockBytes * postgres::kWalBlockBytes);
}

LastRecords read_last_records(catalog::SegmentFileReader& file, postgres::Lsn last_record) {
  const auto& header = file.header();
  const auto begin = header.segment.begin(header.size);
  const auto from = std::max(begin_of_page(last_record), begin);
  io::ByteVector buffer(kMostBytes);
  for (auto skip = from - begin; skip > 0;) {
    const auto n = file.read(io::ByteSpan(buffer).first(std::min<std::uint64_t>(skip, buffer.size())));
    if (n == 0) throw Corruption("ends before its last record");  // its reader would have said so before
    skip -= n;
  }
  buffer.resize(std::min<std::uint64_t>(kMostBytes, header.segment.end(header.size) - from));
  for (std::size_t have = 0; have < buffer.size();) {
    const auto n = file.read(io::ByteSpan(buffer).subspan(have));
    if (n == 0) throw Corruption("ends before its last record");
    have += n;
  }
  return {{header.segment.timeline, from}, std::move(buffer)};
}

/// The next message of the COPY; nothing when the server has ended it.
std::optional<io::ByteView> next_message(Connection& connection, std::chrono::steady_clock::time_point by) {
  io::ByteView message;
  for (;;) {
    const auto state = connection.copy_poll(message);
    if (state == CopyState::data) return message;
    if (state == CopyState::ended) return std::nullopt;
    const auto left = std::chrono::ceil<milliseconds>(by - std::chrono::steady_clock::now());
    if (left <= milliseconds(0) || !connection.wait_readable(left)) {
      throw ConnectionLost(
          fmt::format("{}: has not sent again what it sent before, though asked for {} s ago",
                      connection.peer(), kAnswerTime.count()));
    }
  }
}

/// The server ended what was asked for, because it shuts down, say: that proves nothing about its history.
[[noreturn]] void refuse_short_answer(const Connection& connection) {
  throw ConnectionLost(
      fmt::format("{}: ended the stream before it had sent again what it sent before", connection.peer()));
}

/// What the server has there, just as many bytes.
io::ByteVector ask_for_wal(Connection& connection, const postgres::WalPosition& from, std::size_t bytes) {
  io::ByteVector wal;
  if (start_wal_copy(connection, nullptr, from)) refuse_short_answer(connection);
  const auto by = std::chrono::steady_clock::now() + kAnswerTime;
  while (wal.size() < bytes) {
    const auto message = next_message(connection, by);
    if (!message) {
      read_end_of_wal_copy(connection);  // throws what the server ended it with
      refuse_short_answer(connection);
    }
    const auto parsed = parse_wal_message(*message);
    if (const auto* data = std::get_if<WalData>(&parsed)) {
      if (data->start != from.lsn + wal.size()) {
        throw ProtocolError(fmt::format("{}: sent WAL from {} on where {} was expected", connection.peer(),
                                        data->start.to_string(), (from.lsn + wal.size()).to_string()));
      }
      const auto wanted = data->data.first(std::min(data->data.size(), bytes - wal.size()));
      wal.insert(wal.end(), wanted.begin(), wanted.end());
    } else if (std::get<Keepalive>(parsed).reply_now) {
      // No position: what is flushed here is reported by the stream alone.
      connection.copy_send(status_message({}, {}, io::now(), false));
    }
  }
  end_wal_copy(connection);
  return wal;
}

/// Nothing when the server has that WAL no more: it says so instead of the COPY, or in it.
std::optional<io::ByteVector> ask_for_wal_if_there(Connection& connection, const LastRecords& held) {
  try {
    return ask_for_wal(connection, held.begin, held.bytes.size());
  } catch (const ServerError& error) {
    if (error.sqlstate() == kNoSuchFile) return std::nullopt;
    throw;
  }
}

std::optional<LastRecords> last_records_before(const postgres::TimelineHistory& line,
                                               const postgres::WalPosition& position,
                                               const catalog::WalArchive& archive) {
  const auto number = position.lsn.value() / archive.identity().wal_segment_size.bytes();
  if (number == 0) return std::nullopt;
  auto file = archive.open_segment({line.timeline_at(postgres::Lsn(position.lsn.value() - 1)), number - 1});
  if (!file || !file->header().carry) return std::nullopt;
  const auto& carry = *file->header().carry;
  return read_last_records(*file, carry.last_record == postgres::Lsn() ? carry.record : carry.last_record);
}

}  // namespace

HistoryProof prove_same_history(Connection& connection, const postgres::TimelineHistory& line,
                                const postgres::WalPosition& position, const catalog::WalArchive& archive) {
  std::optional<LastRecords> held;
  try {
    held = last_records_before(line, position, archive);
  } catch (const Corruption&) {
    return HistoryProof::not_available;  // verification tells of the damage
  }
  if (!held) return HistoryProof::nothing_held;
  const auto sent = ask_for_wal_if_there(connection, *held);
  if (!sent) return HistoryProof::not_available;
  const auto differs = std::ranges::mismatch(*sent, held->bytes);
  if (differs.in2 == held->bytes.end()) return HistoryProof::same;
  const auto at = held->begin.lsn + static_cast<std::uint64_t>(differs.in2 - held->bytes.begin());
  const auto name = archive.layout().root().filename().native();
  throw RolledBack(
      fmt::format(
          "{} has other WAL at {} of timeline {} than was received up to {}: it was put back to an earlier "
          "state, or is another server of that timeline. Nothing of it is stored. If it is the right "
          "server, `pgkeep new-line {}` sets aside what is held and begins with a new backup. If not, "
          "correct the conninfo, then `pgkeep new-line {} --keep`",
          connection.peer(), at.to_string(), held->begin.timeline.to_string(), position.lsn.to_string(), name,
          name),
      catalog::WalRange{held->begin.timeline, at, position.lsn});
}

}  // namespace pgkeep::streaming
