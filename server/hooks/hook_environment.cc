#include "server/hooks/hook_environment.h"

#include <array>
#include <cstdlib>

#include "catalog/io/shown_text.h"

namespace pgkeep::server {
namespace {

constexpr std::size_t kLongestValue = 64u << 10;  // the kernel takes 128 KiB

struct SameFact {
  std::string_view ours;
  std::string_view barman;
};
/// As Barman 3 documents them for its hook scripts.
constexpr std::array kSameFacts{
    SameFact{"PGKEEP_SERVER", "BARMAN_SERVER"},
    SameFact{"PGKEEP_BACKUP", "BARMAN_BACKUP_ID"},
    SameFact{"PGKEEP_BACKUP_DIR", "BARMAN_BACKUP_DIR"},
    SameFact{"PGKEEP_PREVIOUS_BACKUP", "BARMAN_PREVIOUS_ID"},
    SameFact{"PGKEEP_NEXT_BACKUP", "BARMAN_NEXT_ID"},
    SameFact{"PGKEEP_CONFIGURATION", "BARMAN_CONFIGURATION"},
    SameFact{"PGKEEP_ERROR", "BARMAN_ERROR"},
    SameFact{"PGKEEP_VERSION", "BARMAN_VERSION"},
    SameFact{"PGKEEP_DESTINATION", "BARMAN_DESTINATION_DIRECTORY"},
    SameFact{"PGKEEP_TABLESPACES", "BARMAN_TABLESPACES"},
    SameFact{"PGKEEP_SSH_COMMAND", "BARMAN_REMOTE_COMMAND"},
};

std::string_view value_of(const HookFacts& facts, std::string_view name) {
  const auto found = facts.find(name);
  return found == facts.end() ? std::string_view() : found->second;
}

/// What a script that was written for Barman compares with words of its own.
void add_words_of_barman(const HookFacts& facts, std::map<std::string, std::string>& environment) {
  const auto phase = value_of(facts, "PGKEEP_PHASE");
  const auto job = value_of(facts, "PGKEEP_JOB");
  environment["BARMAN_PHASE"] = phase == to_string(HookPhase::before) ? "pre" : "post";
  environment["BARMAN_HOOK"] = job == "recover" ? "recovery_script" : std::string(job) + "_script";
  environment["BARMAN_RETRY"] = "0";
  const bool begins = phase == to_string(HookPhase::before) && job == "backup";
  environment["BARMAN_STATUS"] = begins                                   ? "STARTED"
                                 : phase == to_string(HookPhase::failure) ? "FAILED"
                                                                          : "DONE";
}

}  // namespace

std::string_view to_string(HookPhase phase) {
  switch (phase) {
    case HookPhase::before:
      return "before";
    case HookPhase::after:
      return "after";
    case HookPhase::failure:
      break;
  }
  return "failure";
}

std::map<std::string, std::string> hook_environment(const HookFacts& facts) {
  std::map<std::string, std::string> environment;
  for (const auto* name : {"PATH", "HOME", "LANG", "TZ", "USER", "LOGNAME"})
    if (const char* value = std::getenv(name)) environment[name] = value;
  environment.try_emplace("PATH", "/usr/local/bin:/usr/bin:/bin");
  for (const auto& [name, value] : facts)
    environment[name] = io::cut_text(value.substr(0, value.find('\0')), kLongestValue);
  for (const auto& [ours, barman] : kSameFacts)
    environment[std::string(barman)] = environment[std::string(ours)];  // Barman sets them all, if to nothing
  for (const auto& [ours, barman] : kSameFacts)
    if (!facts.contains(ours)) environment.erase(std::string(ours));
  add_words_of_barman(facts, environment);
  return environment;
}

}  // namespace pgkeep::server
