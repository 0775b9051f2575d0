#include "server/fleet/relation_names.h"

#include <map>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/postgres/relation_file.h"
#include "server/fleet/server_settings.h"
#include "streaming/wire/connection.h"

namespace pgkeep::server {
namespace {

using postgres::RelationFile;

/// What belongs to an index, a TOAST table or its index is told by the table. {0}: (place, tablespace,
/// filenode), …
constexpr std::string_view kNames = R"(
SELECT f.place, CASE c.relkind WHEN 'i' THEN 'index' WHEN 'S' THEN 'sequence' WHEN 'm' THEN 'materialized view'
                               WHEN 't' THEN 'TOAST table' ELSE 'table' END
       || ' ' || c.oid::pg_catalog.regclass::pg_catalog.text
       || COALESCE(' of ' || owner.oid::pg_catalog.regclass::pg_catalog.text, '')
  FROM (VALUES {}) f (place, tablespace, filenode)
  JOIN pg_catalog.pg_class c ON c.oid = pg_catalog.pg_filenode_relation(f.tablespace::pg_catalog.oid, f.filenode::pg_catalog.oid)
  LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
  LEFT JOIN pg_catalog.pg_class owner
    ON owner.reltoastrelid = COALESCE(i.indrelid, c.oid) OR (owner.oid = i.indrelid AND owner.relkind <> 't'))";

class Naming {
 public:
  Naming(const ServerConfig& server, std::vector<std::string> paths, const Warn& note,
         const std::stop_token& stop)
      : server_(&server), paths_(std::move(paths)), note_(&note), stop_(&stop) {
    for (std::size_t place = 0; place < paths_.size(); ++place)
      if (const auto file = postgres::parse_relation_file(paths_[place]))
        by_database_[file->database].emplace_back(place, *file);
  }

  std::vector<std::string> run() {
    if (by_database_.empty()) return std::move(paths_);
    attempt([&] { ask_for_databases(); });
    for (const auto& [oid, files] : by_database_) {
      const auto database = databases_.find(std::to_string(oid));
      if (oid == 0) {
        attempt([&] { ask("", files); });
      } else if (database != databases_.end() && database->second.may_be_entered) {
        attempt([&] { ask(database->second.name, files); });
      } else if (database != databases_.end()) {
        for (const auto& [place, file] : files)
          paths_[place] += fmt::format(" (database {})", database->second.name);
      }
    }
    return std::move(paths_);
  }

 private:
  struct Database {
    std::string name;
    bool may_be_entered = false;  // not so template0
  };
  using Files = std::vector<std::pair<std::size_t, RelationFile>>;

  template <typename Part>
  void attempt(Part&& part) {
    try {
      part();
    } catch (const Interrupted&) {
      throw;
    } catch (const Error& error) {
      (*note_)(fmt::format("relations could not be named: {}", error.what()));
    }
  }

  streaming::Connection open(const std::string& database) const {
    auto settings = query_connection(*server_);
    settings.database = database;
    return streaming::Connection::open(settings, streaming::ConnectionKind::sql, *stop_);
  }

  void ask_for_databases() {
    auto sql = open("");
    for (const auto& row : sql.query("SELECT oid, datname, datallowconn FROM pg_catalog.pg_database").rows)
      if (row.at(0) && row.at(1)) databases_[*row[0]] = {*row[1], row.at(2) == "t"};
  }

  void ask(const std::string& database, const Files& files) {
    std::string values;
    for (const auto& [place, file] : files)
      values +=
          fmt::format("{}({}, {}, {})", values.empty() ? "" : ", ", place, file.tablespace, file.filenode);
    auto sql = open(database);
    for (const auto& row : sql.query(fmt::format(fmt::runtime(kNames), values)).rows) {
      if (!row.at(0) || !row.at(1)) continue;
      const auto place = static_cast<std::size_t>(std::stoull(*row[0]));
      if (place >= paths_.size()) continue;
      paths_[place] += fmt::format(" ({}{}{})", *row[1], database.empty() ? "" : ", database ", database);
    }
  }

  const ServerConfig* server_;
  std::vector<std::string> paths_;
  const Warn* note_;
  const std::stop_token* stop_;
  std::map<std::uint32_t, Files> by_database_;  // 0: of all
  std::map<std::string, Database> databases_;   // by oid
};

}  // namespace

std::vector<std::string> name_relations(const ServerConfig& server, std::vector<std::string> paths,
                                        const Warn& note, const std::stop_token& stop) {
  return Naming(server, std::move(paths), note, stop).run();
}

}  // namespace pgkeep::server
