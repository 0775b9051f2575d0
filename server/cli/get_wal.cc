#include "server/cli/get_wal.h"

#include <unistd.h>

#include <fmt/format.h>

#include "catalog/io/file.h"
#include "catalog/io/no_links.h"
#include "recover/wal_delivery.h"
#include "server/fleet/fleet.h"

namespace pgkeep::server {
namespace {

constexpr std::uint64_t kMostLines = 1'000'000;

/// pg_wal may be a symbolic link of the server's administrator.
std::filesystem::path resolve_new_file(const std::filesystem::path& path) {
  const auto parent = path.parent_path();
  return io::real_path(parent.empty() ? "." : parent) / path.filename();
}

/// To standard output a part may have gone when something turns out to be damaged: the exit code tells.
recover::WalAnswer deliver(const catalog::WalArchive& archive, const Arguments& arguments) {
  const auto& name = arguments.required("NAME");
  const auto path = arguments.value("FILE");
  if (!path) {
    io::DescriptorSink out(STDOUT_FILENO, "standard output");
    return recover::deliver_wal(archive, name, out);
  }
  io::AtomicFile file(resolve_new_file(*path));
  const auto answer = recover::deliver_wal(archive, name, file);
  if (answer == recover::WalAnswer::delivered) file.commit();
  return answer;
}

}  // namespace

Exit run_get_wal(const Invocation& invocation) {
  const Fleet fleet(invocation.config_file, Fleet::Access::recover);
  const auto& server = fleet.server(invocation.arguments.required("SERVER"));
  const auto line = invocation.arguments.number("--line", 1, kMostLines);
  const auto current = fleet.layout(server);
  const auto archive = open_archive(server, line ? current.of_line(static_cast<unsigned>(*line)) : current);
  if (deliver(archive, invocation.arguments) == recover::WalAnswer::delivered) return Exit::ok;
  invocation.out.note(
      fmt::format("{}: not in the archive of {}", invocation.arguments.required("NAME"), server.name));
  return Exit::failed;
}

}  // namespace pgkeep::server
