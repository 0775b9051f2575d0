#include "streaming/receive/wal_copy.h"

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "streaming/wire/replication.h"

namespace pgkeep::streaming {
namespace {

/// The row that ends a timeline: where which one continues.
postgres::WalPosition parse_next_timeline(const Connection& connection, const Rows& answer) {
  if (answer.rows.size() == 1 && answer.rows[0].size() >= 2 && answer.rows[0][0] && answer.rows[0][1]) {
    const auto timeline = postgres::TimelineId::parse_decimal(*answer.rows[0][0]);
    const auto lsn = postgres::Lsn::parse(*answer.rows[0][1]);
    if (timeline && lsn) return {*timeline, *lsn};
  }
  throw ProtocolError(
      fmt::format("{}: the server ended the timeline without saying where it continues", connection.peer()));
}

void read_to_the_end(Connection& connection) {
  while (connection.next_result().kind != Connection::Next::done) {
  }
}

}  // namespace

std::optional<postgres::WalPosition> start_wal_copy(Connection& connection, const std::string* slot,
                                                    const postgres::WalPosition& from) {
  connection.send(fmt::format("START_REPLICATION {}PHYSICAL {} TIMELINE {}",
                              slot != nullptr ? fmt::format("SLOT {} ", quote_identifier(*slot)) : "",
                              from.lsn.to_string(), from.timeline.to_string()));
  const auto answer = connection.next_result();
  if (answer.kind == Connection::Next::copy_both) return std::nullopt;
  if (answer.kind != Connection::Next::rows)
    throw ProtocolError(fmt::format("{}: START_REPLICATION began no stream", connection.peer()));
  const auto next = parse_next_timeline(connection, answer.rows);
  read_to_the_end(connection);
  // So a server answers only when the start is exactly where that timeline was left.
  if (next.timeline <= from.timeline || next.lsn != from.lsn) {
    throw ProtocolError(fmt::format(
        "{}: says that nothing is left of timeline {} at {}, since it continues at {} of timeline {}",
        connection.peer(), from.timeline.to_string(), from.lsn.to_string(), next.lsn.to_string(),
        next.timeline.to_string()));
  }
  return next;
}

std::optional<postgres::WalPosition> read_end_of_wal_copy(Connection& connection) {
  std::optional<postgres::WalPosition> next;
  auto result = connection.next_result();
  if (result.kind == Connection::Next::copy_in) {  // its half is closed, ours is not
    connection.copy_end();
    result = connection.next_result();
  }
  for (; result.kind != Connection::Next::done; result = connection.next_result()) {
    if (result.kind == Connection::Next::rows) next = parse_next_timeline(connection, result.rows);
    // Without the row before it: the server shuts down, and closes the connection now.
    if (result.kind == Connection::Next::command_ok && !next) return std::nullopt;
  }
  return next;
}

void end_wal_copy(Connection& connection) {
  connection.copy_end();
  io::ByteView ignored;
  while (connection.copy_receive(ignored) == CopyState::data) {
  }
  read_to_the_end(connection);
}

}  // namespace pgkeep::streaming
