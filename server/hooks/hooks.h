#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "catalog/io/program.h"
#include "catalog/io/progress.h"
#include "server/config/config.h"
#include "server/hooks/hook_environment.h"

namespace pgkeep::server {

/// Whether the operator's programs are run around a job.
enum class WithHooks { yes, no };

/// The programs that an operator wants to be run around one job. What they print is told to the observer, the
/// last lines of it. One thread.
class Hooks {
 public:
  /// Which programs: those of this job. Empty: none.
  struct Files {
    std::string before;
    std::string after;
    std::string on_failure;
  };
  /// `job`: "backup", as hooks are told.
  /// `repository`: root runs them with the rights of its owner, who may be able to write the configuration.
  Hooks(Files files, std::chrono::milliseconds time_limit, std::string_view job,
        const std::filesystem::path& repository, HookFacts facts);

  /// What the hooks are told from now on, under "PGKEEP_" and this name.
  void tell(std::string_view name, std::string value);

  /// To be called before anything is done. Throws Error when the hook fails: the job must not be done then;
  /// Interrupted.
  void before(io::ProgressObserver& observer, const std::stop_token& stop);
  /// To be called when the job is done, whatever the hook makes of that: its failure is a warning. Throws
  /// nothing that the observer does not.
  void after(io::ProgressObserver& observer, const std::stop_token& stop);
  /// To be called when the job has failed, and that is recorded. As after().
  void failed(std::string why, io::ProgressObserver& observer, const std::stop_token& stop);
  /// Does `work`, and when it throws, but for Interrupted, calls failed() and throws on.
  void watch(io::ProgressObserver& observer, const std::stop_token& stop, const std::function<void()>& work);

 private:
  void run(const std::string& file, HookPhase phase, io::ProgressObserver& observer,
           const std::stop_token& stop);
  void warn_when_it_fails(const std::string& file, HookPhase phase, io::ProgressObserver& observer,
                          const std::stop_token& stop);

  Files files_;
  std::chrono::milliseconds time_limit_;
  HookFacts facts_;
  std::optional<io::RunAs> run_as_;
};

/// The hooks of a server around a job of its own; `kind` is "backup", "recover", "delete", or a job that has
/// only the hook for failures.
Hooks hooks_of(const ServerConfig& server, const std::filesystem::path& repository, std::string_view kind,
               WithHooks with_hooks = WithHooks::yes);
/// What keeps programs of a server from being run, "before_backup: …". Nothing when it has none.
std::optional<std::vector<std::string>> faults_of_hooks(const HookConfig& hooks);
/// Those around the report of the fleet.
Hooks hooks_of_report(const Config& config, WithHooks with_hooks = WithHooks::yes);

}  // namespace pgkeep::server
