#pragma once

#include "server/cli/arguments.h"

namespace pgkeep::server {

struct NameArguments : OneBackup {
  std::string name;

  void declare(Syntax& syntax) {
    OneBackup::declare(syntax);
    syntax.positional(
        "NAME", "letters, digits, `-`, `_` and `.`, from a letter on; an empty one takes it away", name);
  }
};

Exit run_name(const NameArguments& arguments, const Invocation& invocation);

inline constexpr std::array kNameExamples{
    Example{"name main latest before-upgrade", "and then `recover main before-upgrade DEST`"},
    Example{"name main before-upgrade ''", "no name any more"},
};
inline constexpr Command kName{
    .name = "name",
    .summary = "Give a backup a name",
    .details =
        "Every command that takes a backup takes its name for it. A name belongs to one backup of a server; it "
        "goes with the backup, and keeps nothing from expiring: see `keep`. `list-backups` and `show-backup` show it.",
    .examples = kNameExamples,
    .call = call_of<run_name>,
};

}  // namespace pgkeep::server
