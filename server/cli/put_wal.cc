#include "server/cli/put_wal.h"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <poll.h>
#include <stop_token>
#include <unistd.h>

#include "catalog/index/index_updater.h"
#include "catalog/io/doorbell.h"
#include "catalog/io/file.h"
#include "catalog/io/no_links.h"
#include "catalog/wal/pushed_wal.h"
#include "server/cli/ssh_command.h"
#include "server/fleet/fleet.h"

namespace pgkeep::server {
namespace {

/// Standard input to its end; a stop request ends the wait for more.
class StandardInput final : public io::ByteSource {
 public:
  explicit StandardInput(std::stop_token stop)
      : stop_(std::move(stop)), on_stop_(stop_, [this] { bell_.ring(); }) {}

  std::size_t read(io::ByteSpan into) override {
    while (true) {
      wait();
      const auto n = ::read(STDIN_FILENO, into.data(), into.size());
      if (n >= 0) return static_cast<std::size_t>(n);
      const int cause = errno;
      if (cause != EINTR && cause != EAGAIN) throw StorageError(cause, "standard input", "read");
    }
  }

 private:
  void wait() const {
    std::array<pollfd, 2> ready{{{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0},
                                 {.fd = bell_.fd(), .events = POLLIN, .revents = 0}}};
    if (::poll(ready.data(), ready.size(), -1) < 0 && errno != EINTR) {
      const int cause = errno;
      throw StorageError(cause, "standard input", "wait for");
    }
    if (stop_.stop_requested()) throw Interrupted("stopped as asked; nothing was stored");
  }

  std::stop_token stop_;
  io::Doorbell bell_;
  std::stop_callback<std::function<void()>> on_stop_;  // last: it rings the bell
};

class OpenFile final : public io::ByteSource {
 public:
  explicit OpenFile(const std::filesystem::path& path)
      : file_(io::File::open_to_read(io::real_path(path))), source_(file_) {}
  std::size_t read(io::ByteSpan into) override { return source_.read(into); }

 private:
  io::File file_;
  io::FileSource source_;
};

WalPush wanted(const PutWalArguments& arguments) {
  if (arguments.from_ssh) {
    if (arguments.name || arguments.sha256 || arguments.no_checksum || arguments.file)
      throw UsageError("--from-ssh takes all but SERVER from SSH_ORIGINAL_COMMAND");
    const char* line = std::getenv("SSH_ORIGINAL_COMMAND");
    return parse_ssh_push(line == nullptr ? "" : line, arguments.server);
  }
  if (!arguments.name) throw UsageError("put-wal: NAME is missing; see `pgkeep help put-wal`");
  if (arguments.sha256.has_value() == arguments.no_checksum)
    throw UsageError("put-wal: either --sha256 HEX or --no-checksum has to be given");
  return {*arguments.name, arguments.sha256};
}

void update_index(const catalog::WalArchive& archive, const catalog::PushReceipt& receipt, Output& out) {
  catalog::IndexUpdater index(archive, [&out](const std::string& what) { out.warning(what); });
  for (const auto& segment : receipt.archived) index.segment_archived(segment);
}

}  // namespace

Exit run_put_wal(const PutWalArguments& arguments, const Invocation& invocation) {
  const auto push = wanted(arguments);
  const Fleet fleet(invocation.config_file, Fleet::Access::open);
  const auto& server = fleet.server(arguments.server);
  auto archive = open_archive(server, fleet.layout(server));
  std::unique_ptr<io::ByteSource> content;
  if (arguments.file) {
    content = std::make_unique<OpenFile>(*arguments.file);
  } else {
    content = std::make_unique<StandardInput>(invocation.stop);
  }
  const auto receipt = catalog::PushedWal(archive, {server.pushed_most_bytes, server.pushed_most_files})
                           .take(push.name, *content, push.sha256);
  for (const auto& warning : receipt.warnings) invocation.out.warning(warning);
  update_index(archive, receipt, invocation.out);
  invocation.out.data({{"server", server.name},
                       {"name", push.name},
                       {"outcome", std::string(catalog::to_string(receipt.outcome))}});
  return Exit::ok;
}

}  // namespace pgkeep::server
