#include "streaming/backup/source_facts.h"

#include <algorithm>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "streaming/backup/configuration_files.h"

namespace pgkeep::streaming {

SourceFacts::SourceFacts(const ConnectionSettings& settings, io::ProgressObserver& observer,
                         const std::stop_token& stop) {
  try {
    session_ = Connection::open(settings, ConnectionKind::sql, stop);
    tablespaces_ = ask_tablespaces();
    configuration_ = ask_configuration_files(*session_);
  } catch (const Interrupted&) {
    throw;
  } catch (const Error& e) {
    session_.reset();
    tablespaces_.clear();
    observer.warning(fmt::format("no SQL session, so tablespaces are known by number only: {}", e.what()));
  }
}

std::string SourceFacts::tablespace_name(std::uint32_t oid) const {
  const auto found = tablespaces_.find(std::to_string(oid));
  return found == tablespaces_.end() ? "" : found->second;
}

void SourceFacts::require_all(const std::vector<Tablespace>& announced) {
  const auto left_out = [&announced](const auto& known) {
    return std::ranges::none_of(announced,
                                [&](const auto& t) { return std::to_string(t.oid) == known.first; });
  };
  if (std::ranges::none_of(tablespaces_, left_out)) return;
  const auto still_there = ask_tablespaces();  // it may have been dropped meanwhile
  for (const auto& [oid, name] : tablespaces_) {
    if (!left_out(std::pair(oid, name)) || !still_there.contains(oid)) continue;
    throw Refused(
        fmt::format("tablespace {} ({}) would not be in the backup: "
                    "PostgreSQL {} leaves out one that has no link in pg_tblspc, "
                    "as it is with those in the data directory (allow_in_place_tablespaces). "
                    "Move what is in it to another tablespace and drop it; PostgreSQL 16 and later send it",
                    name, oid, session_->major_version()));
  }
}

io::TimePoint SourceFacts::now() {
  if (!session_) return io::now();
  try {
    const auto rows =
        session_->query("SELECT (extract(epoch FROM pg_catalog.clock_timestamp()) * 1000000)::bigint");
    return io::TimePoint(std::chrono::microseconds(std::stoll(rows.rows.at(0).at(0).value())));
  } catch (const std::exception&) {
    session_.reset();
    return io::now();
  }
}

/// All but those that initdb makes, which lie in the data directory.
std::map<std::string, std::string> SourceFacts::ask_tablespaces() {
  std::map<std::string, std::string> found;
  const auto answer = session_->query(
      "SELECT oid, spcname FROM pg_catalog.pg_tablespace "
      "WHERE spcname NOT IN ('pg_default', 'pg_global')");
  for (const auto& row : answer.rows)
    if (row[0] && row[1]) found[*row[0]] = *row[1];
  return found;
}

}  // namespace pgkeep::streaming
