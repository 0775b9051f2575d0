#pragma once

#include <filesystem>

#include <nlohmann/json.hpp>

namespace pgkeep::test {

/// What the daemon of a repository says of itself on its control socket: the "report". Throws when none
/// answers.
nlohmann::json daemon_report(const std::filesystem::path& repository);

}  // namespace pgkeep::test
