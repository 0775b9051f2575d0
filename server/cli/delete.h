#pragma once

#include "server/cli/arguments.h"

namespace pgkeep::server {

struct DeleteArguments : OneServer {
  std::vector<std::string> backups;

  void declare(Syntax& syntax) {
    OneServer::declare(syntax);
    syntax.one_or_more("BACKUP", "the backups: ids, beginnings of them, `latest` or `oldest`", backups);
  }
};

Exit run_delete(const DeleteArguments& arguments, const Invocation& invocation);

inline constexpr std::array kDeleteExamples{
    Example{"delete main oldest", "make room"},
    Example{"delete main 20261120T020000Z 20261121T020000Z", "two of them"},
};
inline constexpr Command kDelete{
    .name = "delete",
    .summary = "Delete base backups",
    .details =
        "Removes the backups and what no other backup needs of their data. No other backup depends on them. "
        "WAL is left as it is. Nothing is asked; what was freed is printed. "
        "A backup that is being recovered, verified or read otherwise is not deleted: "
        "the command says who reads it, deletes none of the backups, and ends with exit code 4. "
        "Nor is one that was kept with `keep` (exit code 6).",
    .examples = kDeleteExamples,
    .call = call_of<run_delete>,
};

}  // namespace pgkeep::server
