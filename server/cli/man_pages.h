#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pgkeep::server {

struct ManPage {
  std::string file;  // "pgkeep-backup.1"
  std::string text;
};

/// pgkeep(1), a page for each command that is not hidden (`man pgkeep backup` finds pgkeep-backup(1)), and
/// pgkeep.yaml(5), made from the tables of commands and of settings. `date` is that of the build, YYYY-MM-DD.
std::vector<ManPage> man_pages(std::string_view date);

}  // namespace pgkeep::server
