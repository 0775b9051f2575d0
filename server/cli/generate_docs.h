#pragma once

#include "server/cli/positionals.h"

namespace pgkeep::server {

Exit run_generate_docs(const Invocation& invocation);

inline constexpr std::array kGenerateDocsPositionals{
    Positional{"DIR", "the source tree"},
};
inline constexpr Command kGenerateDocs{
    .name = "generate-docs",
    .summary = "Write docs/configuration.md, docs/commands.md and etc/pgkeep.yaml",
    .positionals = kGenerateDocsPositionals,
    .run = run_generate_docs,
    .hidden = true,
};

}  // namespace pgkeep::server
