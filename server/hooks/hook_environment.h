#pragma once

#include <map>
#include <string>
#include <string_view>

namespace pgkeep::server {

/// What a hook is told, by the names of ours.
using HookFacts = std::map<std::string, std::string, std::less<>>;

enum class HookPhase { before, after, failure };
/// "before", "after", "failure".
std::string_view to_string(HookPhase phase);

/// The whole environment of a hook: the facts under our names and under Barman's, and of ours PATH, HOME,
/// LANG, TZ, USER and LOGNAME. Nothing else goes over, PGPASSWORD least of all. Values are cut at 64 KiB, and
/// at a zero byte.
std::map<std::string, std::string> hook_environment(const HookFacts& facts);

}  // namespace pgkeep::server
