#include "streaming/backup/configuration_files.h"

namespace pgkeep::streaming {

store::ConfigurationFiles ask_configuration_files(Connection& sql) {
  store::ConfigurationFiles files;
  // The view leaves out what SHOW would refuse.
  const auto answer = sql.query(
      "SELECT name, setting FROM pg_catalog.pg_settings "
      "WHERE name IN ('data_directory', 'config_file', 'hba_file', 'ident_file', 'hosts_file')");
  for (const auto& row : answer.rows) {
    if (row.size() < 2 || !row[0] || !row[1]) continue;
    if (*row[0] == "data_directory") files.data_directory = *row[1];
    if (*row[0] == "config_file") files.config_file = *row[1];
    if (*row[0] == "hba_file") files.hba_file = *row[1];
    if (*row[0] == "ident_file") files.ident_file = *row[1];
    if (*row[0] == "hosts_file") files.hosts_file = *row[1];
  }
  return files;
}

}  // namespace pgkeep::streaming
