#pragma once

#include <string_view>

namespace pgkeep::server {

/// True when commits may wait for a standby of that name: whether it stands in a value of
/// synchronous_standby_names (`a, b`, `FIRST 2 (a, "b")`, `ANY 1 (…)`, `*`), compared as PostgreSQL does,
/// without regard to case.
bool names_standby(std::string_view synchronous_standby_names, std::string_view application_name);

}  // namespace pgkeep::server
