#include "server/cli/get_wal.h"

#include <unistd.h>

#include <fmt/format.h>

#include "catalog/io/file.h"
#include "catalog/io/no_links.h"
#include "recover/wal_delivery.h"
#include "server/fleet/fleet.h"

namespace pgkeep::server {
namespace {

/// To standard output a part may have gone when something turns out to be damaged: the exit code tells.
recover::WalAnswer deliver(const catalog::WalArchive& archive, const GetWalArguments& arguments) {
  if (!arguments.file) {
    io::DescriptorSink out(STDOUT_FILENO, "standard output");
    return recover::deliver_wal(archive, arguments.name, out);
  }
  // pg_wal may be a symbolic link of the server's administrator.
  io::AtomicFile file(io::real_place(*arguments.file));
  const auto answer = recover::deliver_wal(archive, arguments.name, file);
  if (answer == recover::WalAnswer::delivered) file.commit();
  return answer;
}

}  // namespace

Exit run_get_wal(const GetWalArguments& arguments, const Invocation& invocation) {
  const Fleet fleet(invocation.config_file, Fleet::Access::recover);
  const auto& server = fleet.server(arguments.server);
  const auto current = fleet.layout(server);
  const auto archive = open_archive(server, arguments.line ? current.of_line(*arguments.line) : current);
  if (deliver(archive, arguments) == recover::WalAnswer::delivered) return Exit::ok;
  invocation.out.note(fmt::format("{}: not in the archive of {}", arguments.name, server.name));
  return Exit::failed;
}

}  // namespace pgkeep::server
