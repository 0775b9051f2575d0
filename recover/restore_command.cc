#include "recover/restore_command.h"

#include <charconv>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "recover/deliver/ssh_process.h"

namespace pgkeep::recover {
namespace {

constexpr std::string_view kNeverThere = "FFFFFFFF.history";
constexpr int kLastForNotThere = 125;  // above, PostgreSQL stops instead of taking it for the end

}  // namespace

std::string fill_in(std::string_view command, std::string_view file, std::string_view path) {
  std::string filled;
  for (std::size_t at = 0; at < command.size(); ++at) {
    const char next = at + 1 < command.size() ? command[at + 1] : '\0';
    if (command[at] != '%' || (next != 'f' && next != 'p' && next != 'r' && next != '%')) {
      filled.push_back(command[at]);
      continue;
    }
    ++at;
    if (next == 'f') filled += file;
    if (next == 'p') filled += path;
    if (next == 'r') filled += "000000010000000000000001";
    if (next == '%') filled.push_back('%');
  }
  return filled;
}

std::string try_restore_command(std::string_view command, const std::string& user) {
  // Like PostgreSQL: a path relative to the directory in which the command runs.
  const auto script = fmt::format(
      "there=$(mktemp -d) && cd \"$there\" || exit\n"
      "said=$( {{ {}\n}} 2>&1 )\n"
      "code=$?; cd /; rm -rf \"$there\"\n"
      "printf '%s %s' \"$code\" \"$said\"\n",
      fill_in(command, kNeverThere, "file"));
  try {
    SshProcess process({"runuser", "-u", user, "--", "sh", "-c"}, script);
    const auto answer = process.finish();
    int code = 0;
    const auto* end = answer.data() + answer.size();
    const auto [rest, error] = std::from_chars(answer.data(), end, code);
    if (error == std::errc{} && code <= kLastForNotThere) return {};
    return fmt::format("exit code {}: {}", code, std::string(rest, end));
  } catch (const Error& error) {
    return error.what();
  }
}

}  // namespace pgkeep::recover
