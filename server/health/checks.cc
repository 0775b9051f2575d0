#include "server/health/checks.h"

#include <optional>
#include <unistd.h>

#include <fmt/format.h>
#include <sys/stat.h>

#include "catalog/io/file.h"
#include "catalog/io/user.h"
#include "server/fleet/fleet.h"
#include "server/health/live_checks.h"
#include "server/health/repository_files.h"
#include "server/health/stored_checks.h"

namespace pgkeep::server {
namespace {

// Below this the next backup or a day of WAL is in danger on any server worth keeping.
constexpr std::uint64_t kLittleSpace = std::uint64_t{1} << 30;

Check check_configuration(const Config& config, const std::optional<DaemonReport>& daemon) {
  Check check{.name = "configuration", .label = "configuration", .finding = config.file.native()};
  if (daemon && !daemon->config_problem.empty()) {
    check.result = Check::Result::failed;
    check.finding = fmt::format("the daemon goes on with the one of {}: {}",
                                io::format_time(daemon->configured), daemon->config_problem);
    check.hint = "correct it, then `pgkeep reload`";
  }
  return check;
}

Check check_repository(const Config& config, std::optional<store::Repository>& repository) {
  Check check{.name = "repository", .label = "repository"};
  const auto& root = config.repository;
  try {
    repository = open_repository_if_there(config);
    if (!repository) {
      check.result = Check::Result::failed;
      check.finding = fmt::format("{} holds no repository", root.native());
      check.hint = "is the file system mounted? The first `pgkeep serve` or `pgkeep backup` makes one";
    } else if (::access(root.c_str(), R_OK | W_OK | X_OK) != 0) {
      check.result = Check::Result::failed;
      check.finding = fmt::format("{} cannot be written by this user", root.native());
      check.hint = "run pgkeep as the user who owns the repository";
    } else {
      check.finding = fmt::format("{} can be written", root.native());
    }
  } catch (const Error& error) {
    check.result = Check::Result::failed;
    check.finding = error.what();
  }
  return check;
}

Check check_space(const Config& config) {
  Check check{.name = "free_space", .label = "free space"};
  const auto free = io::free_space(config.repository);
  check.finding = fmt::format("{} free in {}", io::format_bytes(free), config.repository.native());
  if (free >= kLittleSpace) return check;
  check.result = Check::Result::failed;
  check.hint = "make room: WAL that cannot be stored piles up on the server";
  return check;
}

std::string owner_name(const std::filesystem::path& path) {
  struct ::stat status {};
  return ::stat(path.c_str(), &status) == 0 ? io::user_name(status.st_uid) : "OWNER";
}

Check check_repository_files(const store::Repository& repository, const store::ServerLayout& layout) {
  Check check{.name = "repository_files",
              .label = "owner of files",
              .finding = "everything belongs to the owner of the repository"};
  try {
    const auto problems = find_unusable_files(repository, layout);
    if (problems.empty()) return check;
    check.finding = problems.front();
    if (problems.size() > 1) check.finding += fmt::format(", and {} more", problems.size() - 1);
    check.hint = fmt::format(
        "as root: `chown -R --no-dereference {0} {1}` and `chmod -R go-w {1}`; "
        "put what a symbolic link points to in its place",
        owner_name(repository.root()), repository.root().native());
  } catch (const Error& error) {
    check.finding = error.what();
  }
  check.result = Check::Result::failed;
  return check;
}

}  // namespace

void add_check(std::vector<Check>& checks, const std::string& name, const std::string& label,
               const std::function<std::optional<Check>()>& look) {
  try {
    if (auto check = look()) checks.push_back(std::move(*check));
  } catch (const Interrupted&) {
    throw;
  } catch (const Error& error) {
    checks.push_back(
        {.name = name, .label = label, .result = Check::Result::failed, .finding = error.what()});
  }
}

std::vector<Check> check_server(const Config& config, const ServerConfig& server,
                                const std::optional<DaemonReport>& daemon, const std::stop_token& stop) {
  std::vector<Check> checks;
  checks.push_back(check_configuration(config, daemon));
  std::optional<store::Repository> repository;
  checks.push_back(check_repository(config, repository));
  std::optional<store::ServerLayout> layout;
  if (repository) {
    add_check(checks, "free_space", "free space", [&] { return check_space(config); });
    layout = repository->server(server.name);
    checks.push_back(check_repository_files(*repository, *layout));
  }
  const auto live = check_live_server(server, layout, daemon, checks, stop);
  if (layout) check_stored(server, *layout, live, checks);
  return checks;
}

std::string_view to_string(Check::Result result) {
  switch (result) {
    case Check::Result::ok:
      return "OK";
    case Check::Result::advice:
      return "ADVICE";
    case Check::Result::failed:
      break;
  }
  return "FAILED";
}

}  // namespace pgkeep::server
