#include "server/cli/command_docs.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "server/cli/commands.h"
#include "server/terminal/wrapped_text.h"

namespace pgkeep::server {
namespace {

constexpr std::size_t kWidth = 100;

constexpr std::string_view kIntroduction = R"(# Commands

```
pgkeep [OPTIONS] COMMAND [ARGUMENTS]
```

Made from the program's own table of commands (`pgkeep generate-docs`); the same text comes from `pgkeep help COMMAND`.

)";

constexpr std::string_view kConventions = R"(
**SERVER** is a name from the configuration. Where several are taken, `all` means every server that is in service; they are
done one after the other, and the failure of one does not keep the others from their turn.

**BACKUP** is an id (`20261120T020000Z`, the start in UTC), the beginning of one that fits one backup only, `latest` (`last`)
or `oldest` (`first`). These two go by the WAL, and not by clocks.

## Exit codes

| code | meaning |
|---|---|
| 0 | done |
| 1 | failed; the message says why |
| 2 | command line or configuration |
| 3 | no such server, backup or file |
| 4 | busy: another process holds the lock |
| 5 | partly done: some servers or parts were done, some failed |
| 6 | refused as unsafe; nothing was changed |

`get-wal` alone has its own, which PostgreSQL reads: 0 delivered, 1 surely not in the archive, 200 everything else.

## Output

Results go to standard output, talk and progress to standard error: a bar with rate and time left on a terminal, a line every
few seconds elsewhere. `--quiet` leaves the results of commands that show something, and what is wrong.

With `--json` standard output carries one document and nothing else, also when the command fails:

```json
{
  "pgkeep": {"version": "0.1.0", "schema": 1},
  "data": null,
  "warnings": [],
  "error": {"message": "no server 'mian' in /etc/pgkeep/pgkeep.yaml; did you mean main?", "exit_code": 3}
}
```

`error` is there only when the command failed. Keys are in snake_case, times in RFC 3339 (UTC), sizes in bytes, WAL positions
as text. `schema` is raised when a key goes or changes its meaning; keys may be added without that. Messages go to standard
error in any case. `get-wal` hands out WAL and prints no document; `help`, `--help` and `--version` are text also with `--json`.

SIGINT and SIGTERM make a command stop in order; a second one ends it at once, which is as safe as a crash.

)";

/// One that is indented as code is in Markdown stays as it is, to be copied.
std::string wrapped_paragraphs(std::string_view text) {
  constexpr std::string_view kCode = "    ";
  std::string result;
  while (!text.empty()) {
    const auto end = std::min(text.find("\n\n"), text.size());
    const auto paragraph = text.substr(0, end);
    if (!result.empty()) result += "\n";
    result +=
        paragraph.starts_with(kCode) ? std::string(paragraph) + "\n" : wrapped("", 0, paragraph, kWidth);
    text.remove_prefix(std::min(text.size(), end + 2));
  }
  return result;
}

/// Its rows are only read: the fields are gone.
Syntax global_syntax() {
  GlobalArguments arguments;
  Syntax syntax;
  arguments.declare(syntax);
  return syntax;
}

std::string in_usage(const Positional& positional) {
  switch (positional.arity) {
    case Arity::one:
      return std::string(positional.name);
    case Arity::optional:
      return fmt::format("[{}]", positional.name);
    case Arity::one_or_more:
      return fmt::format("{}...", positional.name);
    case Arity::any_number:
      break;
  }
  return fmt::format("[{}...]", positional.name);
}

std::string usage(const Command& command, const Syntax& syntax) {
  auto text = fmt::format("pgkeep {}", command.name);
  if (!syntax.options().empty()) text += " [OPTIONS]";
  for (const auto& positional : syntax.positionals()) text += " " + in_usage(positional);
  return text;
}

/// "-j, --jobs N"
std::string spelled(const Option& option) {
  std::string names(option.names);
  if (const auto comma = names.find(','); comma != names.npos) names.insert(comma + 1, " ");
  return option.value.empty() ? names : fmt::format("{} {}", names, option.value);
}

struct Term {
  std::string name;
  std::string_view meaning;
};

std::vector<Term> positional_terms(const Syntax& syntax) {
  std::vector<Term> terms;
  for (const auto& positional : syntax.positionals())
    terms.push_back({std::string(positional.name), positional.help});
  return terms;
}

std::vector<Term> option_terms(const Syntax& syntax) {
  std::vector<Term> terms;
  for (const auto& option : syntax.options()) terms.push_back({spelled(option), option.help});
  return terms;
}

std::string plain_list(std::string_view title, const std::vector<Term>& terms) {
  if (terms.empty()) return {};
  constexpr std::size_t kWidestName = 26;
  std::size_t width = 0;
  for (const auto& term : terms)
    if (term.name.size() <= kWidestName) width = std::max(width, term.name.size());
  auto text = fmt::format("\n{}:\n", title);
  for (const auto& term : terms) {
    auto first = fmt::format("  {:<{}}  ", term.name, width);
    if (term.name.size() > width) {
      text += fmt::format("  {}\n", term.name);
      first = std::string(width + 4, ' ');
    }
    text += wrapped(std::move(first), width + 4, term.meaning, kWidth);
  }
  return text;
}

std::string markdown_table(std::string_view title, const std::vector<Term>& terms) {
  if (terms.empty()) return {};
  auto text = fmt::format("\n| {} | |\n|---|---|\n", title);
  for (const auto& [name, meaning] : terms) {
    std::string cell(name);
    for (auto bar = cell.find('|'); bar != cell.npos; bar = cell.find('|', bar + 2)) cell.insert(bar, "\\");
    text += fmt::format("| `{}` | {} |\n", cell, meaning);
  }
  return text;
}

std::string markdown_section(const Command& command) {
  const auto call = command.call();
  const auto& syntax = call.syntax;
  auto text = fmt::format("\n## {}\n\n{}.", command.name, command.summary);
  if (!command.aliases.empty()) text += fmt::format(" Also `{}`.", fmt::join(command.aliases, "`, `"));
  text += fmt::format("\n\n```\n{}\n```\n\n{}", usage(command, syntax), wrapped_paragraphs(command.details));
  text += markdown_table("argument", positional_terms(syntax));
  text += markdown_table("option", option_terms(syntax));
  if (!command.examples.empty()) {
    text += "\n```sh\n";
    for (const auto& example : command.examples)
      text += fmt::format("pgkeep {}   # {}\n", example.line, example.what);
    text += "```\n";
  }
  return text;
}

}  // namespace

std::string help_overview() {
  std::string text =
      "pgkeep keeps the backups and the WAL of PostgreSQL servers.\n\nUsage: "
      "pgkeep [OPTIONS] COMMAND [ARGUMENTS]\n";
  std::vector<Term> terms;
  for (const auto& command : commands())
    if (!command.hidden) terms.push_back({std::string(command.name), command.summary});
  text += plain_list("Commands", terms);
  text += plain_list("Options, before or after the command", option_terms(global_syntax()));
  return text + "\n`pgkeep help COMMAND` explains a command.\n";
}

std::string help_for_command(const Command& command) {
  const auto call = command.call();
  const auto& syntax = call.syntax;
  auto text = fmt::format("{}.\n\nUsage: {}\n", command.summary, usage(command, syntax));
  if (!command.aliases.empty()) text += fmt::format("Also: {}\n", fmt::join(command.aliases, ", "));
  if (!command.details.empty()) text += "\n" + wrapped_paragraphs(command.details);
  text += plain_list("Arguments", positional_terms(syntax));
  text += plain_list("Options", option_terms(syntax));
  text += plain_list("Options of all commands", option_terms(global_syntax()));
  if (command.examples.empty()) return text;
  text += "\nExamples:\n";
  for (const auto& example : command.examples)
    text += fmt::format("  pgkeep {}\n      {}\n", example.line, example.what);
  return text;
}

std::string command_reference() {
  std::string page(kIntroduction);
  page += "| command | |\n|---|---|\n";
  for (const auto& command : commands())
    if (!command.hidden)
      page += fmt::format("| [{}](#{}) | {} |\n", command.name, command.name, command.summary);
  page += markdown_table("option of all commands, before or after the name", option_terms(global_syntax()));
  page += kConventions;
  page.pop_back();
  for (const auto& command : commands())
    if (!command.hidden) page += markdown_section(command);
  return page;
}

}  // namespace pgkeep::server
