#include "server/cli/generate_docs.h"

#include "catalog/io/file.h"
#include "server/cli/command_docs.h"
#include "server/config/config_docs.h"
#include "server/metrics/metrics.h"

namespace pgkeep::server {
namespace {

constexpr mode_t kReadable = 0644;

}  // namespace

Exit run_generate_docs(const GenerateDocsArguments& arguments, const Invocation& /*invocation*/) {
  const auto& tree = arguments.tree;
  io::write_file_durably(tree / "docs" / "configuration.md", io::as_bytes(configuration_reference()),
                         kReadable);
  io::write_file_durably(tree / "docs" / "commands.md", io::as_bytes(command_reference()), kReadable);
  io::write_file_durably(tree / "docs" / "metrics.md", io::as_bytes(metrics_document()), kReadable);
  io::write_file_durably(tree / "etc" / "pgkeep.yaml", io::as_bytes(sample_configuration()), kReadable);
  return Exit::ok;
}

}  // namespace pgkeep::server
