#pragma once

#include <string>
#include <string_view>

namespace pgkeep::catalog {

/// This process, so that nobody else is taken for it: "PID START BOOT", its number, its start in clock ticks
/// since boot, and the boot, for numbers are given again. The number alone where there is no /proc.
std::string this_process();

/// Whether the process of that identity runs still.
bool is_running(std::string_view process);

}  // namespace pgkeep::catalog
