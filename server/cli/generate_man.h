#pragma once

#include "server/cli/arguments.h"

namespace pgkeep::server {

struct GenerateManArguments {
  std::filesystem::path folder;
  std::string date;
  void declare(Syntax& syntax) {
    syntax.positional("DIR", "the folder for the pages", folder);
    syntax.positional("DATE", "what the pages say, YYYY-MM-DD", date);
  }
};

Exit run_generate_man(const GenerateManArguments& arguments, const Invocation& invocation);

inline constexpr Command kGenerateMan{
    .name = "generate-man",
    .summary = "Write the man pages",
    .call = call_of<run_generate_man>,
    .hidden = true,
};

}  // namespace pgkeep::server
