#include "catalog/records/process_identity.h"

#include <array>
#include <charconv>
#include <optional>
#include <unistd.h>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"

namespace pgkeep::catalog {
namespace {

std::string read_proc_file(const std::string& path) {
  std::array<std::byte, 4096> buffer{};
  const auto size = io::File::open_to_read(path).read_at(buffer, 0);
  return std::string(io::as_text(io::ByteView(buffer).first(size)));
}

/// The start of a process in clock ticks since boot, from its /proc/PID/stat; nothing for a zombie, which
/// runs nothing.
std::optional<std::string> process_start(std::string_view stat) {
  // "4711 (name) S …": the name may hold anything, parentheses included; state is field 3, the start
  // field 22.
  const auto name_end = stat.rfind(") ");
  if (name_end == stat.npos) return std::nullopt;
  stat.remove_prefix(name_end + 2);
  if (stat.starts_with('Z') || stat.starts_with('X')) return std::nullopt;
  for (int field = 3; field < 22; ++field) {
    const auto space = stat.find(' ');
    if (space == stat.npos) return std::nullopt;
    stat.remove_prefix(space + 1);
  }
  return std::string(stat.substr(0, stat.find(' ')));
}

/// "PID START BOOT"; nothing when there is no such process.
std::optional<std::string> describe_process(std::string_view pid) {
  try {
    const auto start = process_start(read_proc_file(fmt::format("/proc/{}/stat", pid)));
    const auto boot = read_proc_file("/proc/sys/kernel/random/boot_id");
    if (!start) return std::nullopt;
    return fmt::format("{} {} {}", pid, *start, std::string_view(boot).substr(0, boot.find('\n')));
  } catch (const StorageError&) {
    return std::nullopt;  // it ended before its file was opened, or while it was read
  }
}

}  // namespace

std::string this_process() {
  const auto pid = fmt::to_string(::getpid());
  return describe_process(pid).value_or(pid);  // without /proc nobody is told from anybody
}

bool is_running(std::string_view process) {
  const auto pid = process.substr(0, process.find(' '));
  int number = 0;
  const auto [end, error] = std::from_chars(pid.data(), pid.data() + pid.size(), number);
  const bool is_pid = error == std::errc{} && end == pid.data() + pid.size() && number > 0;
  return is_pid && describe_process(pid) == process;
}

}  // namespace pgkeep::catalog
