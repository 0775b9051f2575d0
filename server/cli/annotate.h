#pragma once

#include "server/cli/arguments.h"

namespace pgkeep::server {

struct AnnotateArguments : OneBackup {
  std::string text;

  void declare(Syntax& syntax) {
    OneBackup::declare(syntax);
    syntax.positional("TEXT", "what is to be remembered; an empty one takes it away", text);
  }
};

Exit run_annotate(const AnnotateArguments& arguments, const Invocation& invocation);

inline constexpr std::array kAnnotateExamples{
    Example{"annotate main latest 'last one before the upgrade to 18'", "shown by list-backups"},
};
inline constexpr Command kAnnotate{
    .name = "annotate",
    .summary = "Note something about a backup",
    .details =
        "The note is shown by `list-backups`. As long as a backup has one, no policy lets it go: the moment at which "
        "it ended can be recovered, though of its WAL no more need stay than makes it consistent; see `keep` to keep "
        "all WAL from it on. An empty TEXT leaves the backup to the policy again.",
    .examples = kAnnotateExamples,
    .call = call_of<run_annotate>,
};

}  // namespace pgkeep::server
