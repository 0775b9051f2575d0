#include "streaming/wire/replication.h"

#include <algorithm>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/io/units.h"
#include "catalog/postgres/number.h"
#include "catalog/postgres/versions.h"
#include "streaming/wire/server_text.h"

namespace pgkeep::streaming {
namespace {

constexpr std::size_t kLongestSlotName = 63;

[[noreturn]] void refuse_answer(const Connection& connection, std::string_view command,
                                std::string_view why) {
  throw ProtocolError(
      fmt::format("{}: {}: {}; what answers there may be no PostgreSQL server, "
                  "or one that pgkeep does not know",
                  connection.peer(), command, in_one_line(why)));
}

/// The answer of a command that always gives one row of at least `columns`.
std::vector<std::optional<std::string>> ask_row(Connection& connection, const std::string& command,
                                                std::size_t columns) {
  auto answer = connection.query(command);
  if (answer.rows.size() != 1 || answer.columns.size() < columns) {
    refuse_answer(connection, command,
                  fmt::format("the answer has {} rows of {} columns, where one row of {} is expected",
                              answer.rows.size(), answer.columns.size(), columns));
  }
  return std::move(answer.rows.front());
}

const std::string& require(const Connection& connection, std::string_view command,
                           const std::optional<std::string>& value, std::string_view what) {
  if (!value) refuse_answer(connection, command, fmt::format("the {} is NULL", what));
  return *value;
}

template <typename Parse>
auto parse_value(const Connection& connection, std::string_view command,
                 const std::optional<std::string>& value, std::string_view what, Parse parse) {
  const auto parsed = parse(require(connection, command, value, what));
  if (!parsed) refuse_answer(connection, command, fmt::format("the {} is \"{}\"", what, *value));
  return *parsed;
}

[[noreturn]] void refuse_logical(const Connection& connection, const std::string& slot) {
  throw Refused(fmt::format(
      "{}: the slot \"{}\" is a logical one, with which WAL cannot be received; choose another slot name",
      connection.peer(), slot));
}

SlotView slot_at(const Connection& connection, std::string_view command,
                 const std::optional<std::string>& lsn, const std::optional<std::string>& timeline) {
  SlotView slot;
  if (lsn) slot.restart_lsn = parse_value(connection, command, lsn, "restart_lsn", postgres::Lsn::parse);
  if (timeline) {
    slot.timeline =
        parse_value(connection, command, timeline, "restart_tli", postgres::TimelineId::parse_decimal);
  }
  return slot;
}

/// 15 and up. Nothing when there is no such slot.
std::optional<SlotView> read_slot_by_command(Connection& connection, const std::string& slot) {
  const auto command = "READ_REPLICATION_SLOT " + quote_identifier(slot);
  try {
    const auto row = ask_row(connection, command, 3);
    if (!row[0]) return std::nullopt;
    if (*row[0] != "physical") refuse_logical(connection, slot);
    return slot_at(connection, command, row[1], row[2]);
  } catch (const ServerError& error) {
    if (error.sqlstate() == "0A000") refuse_logical(connection, slot);  // feature_not_supported
    throw;
  }
}

std::string quote(std::string_view text, char mark) {
  std::string quoted(1, mark);
  for (const char c : text) quoted.append(c == mark ? 2 : 1, c);
  return quoted + mark;
}

}  // namespace

SystemInfo identify_system(Connection& connection) {
  constexpr const char* kCommand = "IDENTIFY_SYSTEM";
  const auto row = ask_row(connection, kCommand, 3);
  return {parse_value(connection, kCommand, row[0], "system identifier", postgres::SystemIdentifier::parse),
          parse_value(connection, kCommand, row[1], "timeline", postgres::TimelineId::parse_decimal),
          parse_value(connection, kCommand, row[2], "WAL position", postgres::Lsn::parse)};
}

std::string show(Connection& connection, std::string_view setting) {
  const auto command = fmt::format("SHOW {}", setting);
  return require(connection, command, ask_row(connection, command, 1)[0], "value");
}

bool is_standby(Connection& connection) {
  const bool says_it_plainly = connection.major_version() >= postgres::since::kInHotStandby;
  return show(connection, says_it_plainly ? "in_hot_standby" : "transaction_read_only") == "on";
}

postgres::WalSegmentSize show_wal_segment_size(Connection& connection) {
  constexpr const char* kSetting = "wal_segment_size";
  const auto text = show(connection, kSetting);
  const auto bytes = io::parse_bytes(text);  // "16MB"
  try {
    if (bytes) return postgres::WalSegmentSize(*bytes);
  } catch (const Error&) {  // a number, but no size of a segment: said below
  }
  refuse_answer(connection, "SHOW wal_segment_size",
                fmt::format("\"{}\" is no size that WAL segments can have", text));
}

catalog::ServerIdentity ask_identity(Connection& connection, const SystemInfo& system) {
  const auto text = show(connection, "block_size");
  const auto block_bytes = postgres::parse_number<std::uint32_t>(text);
  if (!block_bytes)
    refuse_answer(connection, "SHOW block_size", fmt::format("\"{}\" is no number of bytes", text));
  return {system.system, connection.major_version(), show_wal_segment_size(connection), *block_bytes};
}

HistoryFile timeline_history(Connection& connection, postgres::TimelineId timeline) {
  const auto command = "TIMELINE_HISTORY " + timeline.to_string();
  const auto row = ask_row(connection, command, 2);
  HistoryFile file{require(connection, command, row[0], "file name"),
                   require(connection, command, row[1], "content")};
  if (file.name != timeline.history_file()) {
    refuse_answer(connection, command, fmt::format("the file's name is \"{}\"", file.name));
  }
  return file;
}

bool create_slot(Connection& connection, const std::string& slot) {
  check_slot_name(slot);
  try {
    // The words of 13 and 14; later versions know them still.
    connection.query(fmt::format("CREATE_REPLICATION_SLOT {} PHYSICAL RESERVE_WAL", quote_identifier(slot)));
    return true;
  } catch (const ServerError& error) {
    if (error.sqlstate() != "42710") throw;  // duplicate_object
  }
  // Before 15 only START_REPLICATION can tell that the slot is a logical one; it refuses it.
  if (connection.major_version() >= postgres::since::kReadReplicationSlot)
    read_slot_by_command(connection, slot);
  return false;
}

bool drop_slot(Connection& connection, const std::string& slot) {
  check_slot_name(slot);
  try {
    connection.query("DROP_REPLICATION_SLOT " + quote_identifier(slot));
    return true;
  } catch (const ServerError& error) {
    if (error.sqlstate() == "42704") return false;  // undefined_object
    throw;
  }
}

std::optional<SlotView> read_slot(Connection& connection, const std::string& slot,
                                  const ConnectionSettings& settings, const std::stop_token& stop) {
  check_slot_name(slot);
  if (connection.major_version() >= postgres::since::kReadReplicationSlot)
    return read_slot_by_command(connection, slot);
  // The replication protocol of 13 and 14 cannot read a slot.
  auto session = Connection::open(settings, ConnectionKind::sql, stop);
  auto view = ask_slot(session, slot);
  if (view && !view->physical) refuse_logical(session, slot);
  return view;
}

std::vector<std::string> list_server_wal(const ConnectionSettings& settings, const std::stop_token& stop) {
  auto session = Connection::open(settings, ConnectionKind::sql, stop);
  std::vector<std::string> names;
  for (auto& row : session.query("SELECT name FROM pg_catalog.pg_ls_waldir()").rows) {
    if (row.at(0)) names.push_back(*std::move(row[0]));
  }
  return names;
}

void check_slot_name(std::string_view slot) {
  const bool clean = std::ranges::all_of(
      slot, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
  if (slot.empty() || slot.size() > kLongestSlotName || !clean) {
    throw UsageError(
        fmt::format("\"{}\" is no name for a replication slot: 1 to {} of a-z, 0-9 and _ are allowed", slot,
                    kLongestSlotName));
  }
}

std::string quote_identifier(std::string_view name) {
  return quote(name, '"');
}

std::string quote_literal(std::string_view text) {
  return quote(text, '\'');
}

}  // namespace pgkeep::streaming
