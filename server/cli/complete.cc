#include "server/cli/complete.h"

#include <algorithm>
#include <csignal>
#include <unistd.h>

#include <fmt/format.h>

#include "catalog/retention/retention_marks.h"
#include "server/cli/line_completion.h"
#include "server/fleet/fleet.h"

namespace pgkeep::server {
namespace {

std::vector<std::string> server_names(const std::string& config_file) {
  std::vector<std::string> names;
  for (const auto& server : load_config(config_file).servers) names.push_back(server.name);
  return names;
}

/// By the names of their folders, and those that operators gave: no record is read.
std::vector<std::string> backup_names(const std::string& config_file, const std::string& server) {
  const Fleet fleet(config_file, Fleet::Access::recover);  // root may, who recovers
  const auto layout = fleet.layout(fleet.server(server));
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(layout.backups())) {
    const auto id = store::BackupId::parse(entry.path().filename().native());
    if (id && std::filesystem::exists(layout.record(*id))) names.push_back(id->to_string());
  }
  std::ranges::sort(names, std::greater());
  for (const auto& [name, id] : catalog::read_backup_names(layout)) names.push_back(name);
  return names;
}

/// No names where they cannot be read: the command itself will say what is wrong.
template <typename Names>
auto if_readable(Names names) {
  return [names](const auto&... of) {
    try {
      return names(of...);
    } catch (const std::exception&) {
      return std::vector<std::string>();
    }
  };
}

/// A repository that hangs must not hold up who types. A signal that ends the process does so even while it
/// waits for a network's file system; one with a handler of ours would wait with it.
void end_soon() {
  constexpr unsigned kPatience = 1;  // seconds
  std::signal(SIGALRM, SIG_DFL);
  ::alarm(kPatience);
}

}  // namespace

Exit run_complete(const CompleteArguments& arguments, const Invocation& invocation) {
  end_soon();
  const auto found = complete_line(
      arguments.words, {.servers = if_readable(server_names), .backups = if_readable(backup_names)});
  for (const auto& [word, what] : found.words)
    std::fputs(fmt::format("{}\t{}\n", word, what).c_str(), stdout);
  if (found.files) invocation.out.fact(":");
  return Exit::ok;
}

}  // namespace pgkeep::server
