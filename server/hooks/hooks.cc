#include "server/hooks/hooks.h"

#include <algorithm>
#include <pwd.h>
#include <unistd.h>

#include <fmt/format.h>
#include <sys/stat.h>

#include "catalog/io/error.h"
#include "catalog/io/program.h"
#include "catalog/io/shown_text.h"
#include "server/hooks/hook_file.h"
#include "server/terminal/version.h"

namespace pgkeep::server {
namespace {

constexpr std::size_t kShownLines = 20;
constexpr std::size_t kLongestLine = 500;
/// "Go on all the same", as scripts say it to Barman.
constexpr int kGoOn = 62;

std::vector<std::string> last_lines(const io::ProgramEnd& end) {
  std::vector<std::string> lines;
  std::string_view rest = end.said;
  while (!rest.empty()) {
    const auto line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    if (!line.empty()) lines.push_back(io::without_controls(io::cut_text(line, kLongestLine)));
  }
  const auto more = lines.size() - std::min(lines.size(), kShownLines);
  lines.erase(lines.begin(), lines.begin() + static_cast<std::ptrdiff_t>(more));
  if (more != 0 || end.left_out != 0) lines.insert(lines.begin(), "(what it said before is left out)");
  return lines;
}

/// Not in root's home.
void be_at_home(const io::RunAs& as, std::map<std::string, std::string>& environment) {
  for (const auto* name : {"HOME", "USER", "LOGNAME"}) environment.erase(name);
  const auto* user = ::getpwuid(as.user);
  if (user == nullptr) return;
  environment["HOME"] = user->pw_dir;
  environment["USER"] = environment["LOGNAME"] = user->pw_name;
}

/// The key of the configuration that names it.
std::string key_of(HookPhase phase, const HookFacts& facts) {
  return phase == HookPhase::failure ? "on_failure"
                                     : fmt::format("{}_{}", to_string(phase), facts.at("PGKEEP_JOB"));
}

}  // namespace

Hooks::Hooks(Files files, std::chrono::milliseconds time_limit, std::string_view job,
             const std::filesystem::path& repository, HookFacts facts)
    : files_(std::move(files)), time_limit_(time_limit), facts_(std::move(facts)) {
  facts_["PGKEEP_JOB"] = job;
  facts_["PGKEEP_REPOSITORY"] = repository.native();
  facts_["PGKEEP_VERSION"] = kVersion;
  struct ::stat owner {};
  if (::geteuid() == 0 && ::stat(repository.c_str(), &owner) == 0 && owner.st_uid != 0)
    run_as_ = {.user = owner.st_uid, .group = owner.st_gid};
}

void Hooks::tell(std::string_view name, std::string value) {
  facts_[fmt::format("PGKEEP_{}", name)] = std::move(value);
}

void Hooks::run(const std::string& file, HookPhase phase, io::ProgressObserver& observer,
                const std::stop_token& stop) {
  const auto key = key_of(phase, facts_);
  const auto user = run_as_ ? run_as_->user : ::geteuid();
  if (const auto why = why_not_run(file, user); !why.empty())
    throw Error(fmt::format("hook {}: {}", key, why));
  facts_["PGKEEP_PHASE"] = to_string(phase);
  facts_["PGKEEP_HOOK"] = key;
  auto environment = hook_environment(facts_);
  if (run_as_) be_at_home(*run_as_, environment);
  const io::Program program{
      .file = file, .environment = std::move(environment), .run_as = run_as_, .time_limit = time_limit_};
  observer.progress({.phase = "running a hook"});
  const auto end = io::run_program(program, stop);
  const auto lines = last_lines(end);
  for (const auto& line : lines) observer.note(fmt::format("{}: {}", key, line));
  if (end.succeeded()) return;
  if (end.in_time && end.exit_code == kGoOn) {
    observer.warning(
        fmt::format("hook {} ({}) ended with exit code {}: it does not object", key, file, kGoOn));
    return;
  }
  throw Error(fmt::format("hook {} ({}) {}{}{}", key, file, end.describe(program), lines.empty() ? "" : ": ",
                          lines.empty() ? "" : lines.back()));
}

void Hooks::before(io::ProgressObserver& observer, const std::stop_token& stop) {
  if (files_.before.empty()) return;
  try {
    run(files_.before, HookPhase::before, observer, stop);
  } catch (const Interrupted&) {
    throw;
  } catch (const Error& error) {
    throw Error(fmt::format("{}; nothing was done. Mend it, or leave the hooks out this time with --no-hooks",
                            error.what()));
  }
}

void Hooks::after(io::ProgressObserver& observer, const std::stop_token& stop) {
  if (!files_.after.empty()) warn_when_it_fails(files_.after, HookPhase::after, observer, stop);
}

void Hooks::watch(io::ProgressObserver& observer, const std::stop_token& stop,
                  const std::function<void()>& work) {
  try {
    work();
  } catch (const Interrupted&) {
    throw;
  } catch (const std::exception& error) {
    failed(error.what(), observer, stop);
    throw;
  }
}

void Hooks::failed(std::string why, io::ProgressObserver& observer, const std::stop_token& stop) {
  if (files_.on_failure.empty()) return;
  tell("ERROR", std::move(why));
  tell("STATUS", "failed");
  warn_when_it_fails(files_.on_failure, HookPhase::failure, observer, stop);
}

void Hooks::warn_when_it_fails(const std::string& file, HookPhase phase, io::ProgressObserver& observer,
                               const std::stop_token& stop) {
  try {
    run(file, phase, observer, stop);
  } catch (const std::exception& error) {
    observer.warning(error.what());
  }
}

Hooks hooks_of(const ServerConfig& server, const std::filesystem::path& repository, std::string_view kind,
               WithHooks with_hooks) {
  const auto& hooks = server.hooks;
  Hooks::Files files{.before = {}, .after = {}, .on_failure = hooks.on_failure};
  if (kind == "backup") {
    files.before = hooks.before_backup;
    files.after = hooks.after_backup;
  } else if (kind == "recover") {
    files.before = hooks.before_recover;
    files.after = hooks.after_recover;
  } else if (kind == "delete") {
    files.before = hooks.before_delete;
    files.after = hooks.after_delete;
  }
  if (with_hooks == WithHooks::no) files = {};
  return {std::move(files),
          hooks.time_limit,
          kind,
          repository,
          {{"PGKEEP_SERVER", server.name}, {"PGKEEP_CONFIGURATION", server.configuration.native()}}};
}

std::optional<std::vector<std::string>> faults_of_hooks(const HookConfig& hooks) {
  std::optional<std::vector<std::string>> faults;
  const auto look = [&](std::string_view key, const std::string& file) {
    if (file.empty()) return;
    if (!faults) faults.emplace();
    if (const auto why = why_not_run(file, ::geteuid()); !why.empty())
      faults->push_back(fmt::format("{}: {}", key, why));
  };
  look("before_backup", hooks.before_backup);
  look("after_backup", hooks.after_backup);
  look("before_recover", hooks.before_recover);
  look("after_recover", hooks.after_recover);
  look("before_delete", hooks.before_delete);
  look("after_delete", hooks.after_delete);
  look("on_failure", hooks.on_failure);
  return faults;
}

Hooks hooks_of_report(const Config& config, WithHooks with_hooks) {
  const auto& hooks = config.hooks;
  Hooks::Files files;
  if (with_hooks == WithHooks::yes)
    files = {.before = hooks.before_report, .after = hooks.after_report, .on_failure = hooks.on_failure};
  return {std::move(files),
          hooks.time_limit,
          "report",
          config.repository,
          {{"PGKEEP_CONFIGURATION", config.file.native()}}};
}

}  // namespace pgkeep::server
