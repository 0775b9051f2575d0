#pragma once

#include "server/cli/arguments.h"

namespace pgkeep::server {

struct GenerateDocsArguments {
  std::filesystem::path tree;
  void declare(Syntax& syntax) { syntax.positional("DIR", "the source tree", tree); }
};

Exit run_generate_docs(const GenerateDocsArguments& arguments, const Invocation& invocation);

inline constexpr Command kGenerateDocs{
    .name = "generate-docs",
    .summary = "Write docs/configuration.md, docs/commands.md and etc/pgkeep.yaml",
    .call = call_of<run_generate_docs>,
    .hidden = true,
};

}  // namespace pgkeep::server
