#include "server/fleet/relation_names.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/io/shown_text.h"
#include "catalog/postgres/relation_file.h"
#include "server/fleet/server_settings.h"
#include "streaming/wire/sql_answers.h"

namespace pgkeep::server {
namespace {

using postgres::RelationFile;

/// Longer than any name of PostgreSQL's with its schema and its table's: what a server answers is kept.
constexpr std::size_t kMostNameBytes = 400;

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
  Naming(const ServerConfig& server, postgres::SystemIdentifier system, std::vector<std::string> paths,
         const std::stop_token& stop)
      : server_(&server), system_(system), paths_(std::move(paths)), stop_(&stop) {
    for (std::size_t place = 0; place < paths_.size(); ++place)
      if (const auto file = postgres::parse_relation_file(paths_[place]))
        by_database_[file->database].emplace_back(place, *file);
  }

  std::vector<std::string> run(const Warn& note) {
    try {
      name_all(note);
    } catch (const Interrupted&) {
      throw;
    } catch (const Error& error) {
      note(fmt::format("{}: relations could not be named: {}", server_->name, error.what()));
    }
    return std::move(paths_);
  }

 private:
  struct Database {
    std::string name;
    bool may_be_entered = false;  // not so template0
  };
  using Files = std::vector<std::pair<std::size_t, RelationFile>>;

  /// By one connection at a time.
  void name_all(const Warn& note) {
    if (by_database_.empty()) return;
    look_around();
    for (const auto& [oid, files] : by_database_) {
      const auto database = databases_.find(oid);
      if (database == databases_.end()) continue;
      if (database->second.may_be_entered) {
        ask_in(database->second.name, files, note);
      } else {
        for (const auto& [place, file] : files) say(place, fmt::format("database {}", database->second.name));
      }
    }
  }

  /// What databases there are, and the names of what belongs to all of them.
  void look_around() {
    auto sql = open("");
    require_same_cluster(sql);
    ask_for_databases(sql);
    if (const auto shared = by_database_.find(0); shared != by_database_.end()) ask(sql, "", shared->second);
  }

  /// Others have other names for the same numbers.
  void require_same_cluster(streaming::Connection& sql) const {
    const auto answer = streaming::cell_text(
        streaming::ask_value(sql, "SELECT system_identifier FROM pg_catalog.pg_control_system()"),
        "the system identifier");
    if (postgres::SystemIdentifier::parse(answer) != system_)
      throw Refused(fmt::format("the conninfo leads to another cluster than {}", system_.to_string()));
  }

  streaming::Connection open(const std::string& database) const {
    auto settings = query_connection(*server_);
    settings.database = database;
    return streaming::Connection::open(settings, streaming::ConnectionKind::sql, *stop_);
  }

  void ask_for_databases(streaming::Connection& sql) {
    for (const auto& row :
         streaming::ask_rows(sql, "SELECT oid, datname, datallowconn FROM pg_catalog.pg_database", 3))
      databases_[streaming::cell_number(row[0], "a database's oid")] = {
          streaming::cell_text(row[1], "a database"), row[2] == "t"};
  }

  /// One that cannot be entered keeps nobody from the next.
  void ask_in(const std::string& database, const Files& files, const Warn& note) {
    try {
      auto sql = open(database);
      ask(sql, database, files);
    } catch (const Interrupted&) {
      throw;
    } catch (const Error& error) {
      note(fmt::format("{}: relations of database {} could not be named: {}", server_->name, database,
                       error.what()));
    }
  }

  void ask(streaming::Connection& sql, const std::string& database, const Files& files) {
    std::string values;
    for (const auto& [place, file] : files)
      values +=
          fmt::format("{}({}, {}, {})", values.empty() ? "" : ", ", place, file.tablespace, file.filenode);
    for (const auto& row : streaming::ask_rows(sql, fmt::format(fmt::runtime(kNames), values), 2)) {
      const auto place = streaming::cell_number(row[0], "the place of a file");
      const bool was_asked =
          std::ranges::any_of(files, [&](const auto& file) { return file.first == place; });
      if (!was_asked) streaming::not_possible("the place of a file", row[0]);
      const auto name = streaming::cell_text(row[1], "a relation");
      say(place, database.empty() ? name : fmt::format("{}, database {}", name, database));
    }
  }

  void say(std::size_t place, const std::string& what) {
    paths_[place] += fmt::format(" ({})", io::cut_text(io::without_controls(what), kMostNameBytes));
  }

  const ServerConfig* server_;
  postgres::SystemIdentifier system_;
  std::vector<std::string> paths_;
  const std::stop_token* stop_;
  std::map<std::uint64_t, Files> by_database_;   // 0: of all
  std::map<std::uint64_t, Database> databases_;  // by oid
};

}  // namespace

std::vector<std::string> name_relations(const ServerConfig& server, postgres::SystemIdentifier system,
                                        std::vector<std::string> paths, const Warn& note,
                                        const std::stop_token& stop) {
  return Naming(server, system, std::move(paths), stop).run(note);
}

}  // namespace pgkeep::server
