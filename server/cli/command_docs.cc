#include "server/cli/command_docs.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "server/cli/command_words.h"
#include "server/cli/commands.h"
#include "server/terminal/wrapped_text.h"

namespace pgkeep::server {
namespace {

constexpr std::size_t kReferenceWidth = 100;

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

/// Names on the left, what they mean on the right, or below where a name leaves it too little.
std::string plain_terms(const std::vector<Term>& terms, std::size_t width) {
  constexpr std::size_t kWidestName = 26;
  std::size_t column = 6;  // where no name leaves room
  for (const auto& term : terms)
    if (term.name.size() <= kWidestName) column = std::max(column, term.name.size() + 4);
  std::string text;
  for (const auto& term : terms) {
    auto first = fmt::format("  {:<{}}", term.name, column - 2);
    if (term.name.size() + 4 > column) {
      text += fmt::format("  {}\n", term.name);
      first = std::string(column, ' ');
    }
    text += wrapped(std::move(first), column, term.meaning, width);
  }
  return text;
}

std::string plain_list(std::string_view title, const std::vector<Term>& terms, std::size_t width) {
  if (terms.empty()) return {};
  return fmt::format("\n{}:\n{}", title, plain_terms(terms, width));
}

/// Of help: fits `width`, but for what is to be copied.
std::string wrapped_paragraphs(std::string_view details, std::size_t width) {
  std::string result;
  for (const auto& paragraph : paragraphs_of(details)) {
    if (!result.empty()) result += "\n";
    switch (paragraph.kind) {
      case Paragraph::Kind::prose:
        result += wrapped("", 0, paragraph.text, width);
        break;
      case Paragraph::Kind::code:
        result += std::string(paragraph.text) + "\n";
        break;
      case Paragraph::Kind::terms:
        result += plain_terms(paragraph.terms, width);
        break;
    }
  }
  return result;
}

/// Of the reference, where all that is indented is code.
std::string markdown_paragraphs(std::string_view details) {
  std::string result;
  for (const auto& paragraph : paragraphs_of(details)) {
    if (!result.empty()) result += "\n";
    result += paragraph.kind == Paragraph::Kind::prose ? wrapped("", 0, paragraph.text, kReferenceWidth)
                                                       : std::string(paragraph.text) + "\n";
  }
  return result;
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
  text += fmt::format("\n\n```\n{}\n```\n\n{}", usage(command, syntax), markdown_paragraphs(command.details));
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

std::size_t help_width(std::optional<std::size_t> terminal) {
  constexpr std::size_t kUnknown = 80;
  constexpr std::size_t kLeast = 60;  // narrower columns would have a word a line
  constexpr std::size_t kMost = 100;  // longer lines are hard to read
  return std::clamp(terminal.value_or(kUnknown), kLeast, kMost);
}

std::string help_overview(std::size_t width) {
  std::string text =
      "pgkeep keeps the backups and the WAL of PostgreSQL servers.\n\nUsage: "
      "pgkeep [OPTIONS] COMMAND [ARGUMENTS]\n";
  std::vector<Term> terms;
  for (const auto& command : commands())
    if (!command.hidden) terms.push_back({std::string(command.name), std::string(command.summary)});
  text += plain_list("Commands", terms, width);
  text += plain_list("Options, before or after the command", option_terms(global_syntax()), width);
  return text + "\n`pgkeep help COMMAND` explains a command.\n";
}

std::string help_for_command(const Command& command, std::size_t width) {
  const auto call = command.call();
  const auto& syntax = call.syntax;
  auto text = wrapped("", 0, fmt::format("{}.", command.summary), width) + "\n";
  text += wrapped("Usage: ", 11, usage(command, syntax), width);
  if (!command.aliases.empty()) text += fmt::format("Also: {}\n", fmt::join(command.aliases, ", "));
  if (!command.details.empty()) text += "\n" + wrapped_paragraphs(command.details, width);
  text += plain_list("Arguments", positional_terms(syntax), width);
  text += plain_list("Options", option_terms(syntax), width);
  text += plain_list("Options of all commands", option_terms(global_syntax()), width);
  if (command.examples.empty()) return text;
  text += "\nExamples:\n";
  for (const auto& example : command.examples)
    text += fmt::format("  pgkeep {}\n", example.line) + wrapped(std::string(6, ' '), 6, example.what, width);
  return text;
}

std::string_view command_conventions() {
  return kConventions;
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
