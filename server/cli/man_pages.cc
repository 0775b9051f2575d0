#include "server/cli/man_pages.h"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>

#include "server/cli/command_docs.h"
#include "server/cli/command_words.h"
#include "server/cli/commands.h"
#include "server/cli/roff.h"
#include "server/config/config_docs.h"
#include "server/terminal/version.h"

namespace pgkeep::server {
namespace {

std::string title(std::string_view name, int section, std::string_view date, std::string_view summary) {
  std::string capitals(name);
  std::ranges::transform(capitals, capitals.begin(),
                         [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return fmt::format(
      ".\\\" Made by pgkeep from its tables of commands and settings.\n.TH \"{}\" {} {} \"pgkeep {}\" pgkeep\n"
      ".nh\n.ad l\n.SH NAME\n{} \\- {}",
      capitals, section, date, kVersion, name, roff_line(summary));
}

std::string terms_section(std::string_view name, const std::vector<Term>& terms) {
  if (terms.empty()) return {};
  auto text = fmt::format(".SH {}\n", name);
  for (const auto& term : terms) text += roff_term(term.name, term.meaning);
  return text;
}

std::string paragraphs(std::string_view details) {
  std::string text;
  for (const auto& paragraph : paragraphs_of(details)) {
    if (paragraph.kind != Paragraph::Kind::terms) {
      text += text.empty() ? "" : ".PP\n";
      text += roff_of(paragraph.text);
    }
    for (const auto& term : paragraph.terms) text += roff_term(term.name, term.meaning);
  }
  return text;
}

std::string examples(const Command& command) {
  if (command.examples.empty()) return {};
  std::string text = ".SH EXAMPLES\n";
  for (const auto& example : command.examples)
    text += roff_term(fmt::format("pgkeep {}", example.line), example.what);
  return text;
}

ManPage page_of(const Command& command, std::string_view date) {
  const auto call = command.call();
  const auto& syntax = call.syntax;
  auto text = title(fmt::format("pgkeep-{}", command.name), 1, date, command.summary);
  text += fmt::format(".SH SYNOPSIS\n{}\n", roff_typed(usage(command, syntax)));
  for (const auto alias : command.aliases)
    text += fmt::format(".br\nAlso {}\n", roff_typed(fmt::format("pgkeep {}", alias)));
  text += fmt::format(".SH DESCRIPTION\n{}", command.details.empty()
                                                 ? roff_line(fmt::format("{}.", command.summary))
                                                 : paragraphs(command.details));
  text += terms_section("ARGUMENTS", positional_terms(syntax));
  text += terms_section("OPTIONS", option_terms(syntax));
  text += terms_section("OPTIONS OF ALL COMMANDS", option_terms(global_syntax()));
  text += examples(command);
  text += ".SH SEE ALSO\n.BR pgkeep (1),\n.BR pgkeep.yaml (5)\n";
  return {.file = fmt::format("pgkeep-{}.1", command.name), .text = std::move(text)};
}

ManPage page_of_program(std::string_view date) {
  auto text = title("pgkeep", 1, date, "backups and WAL of PostgreSQL servers, kept in one place");
  text += fmt::format(".SH SYNOPSIS\n{}\n", roff_typed("pgkeep [OPTIONS] COMMAND [ARGUMENTS]"));
  text += ".SH DESCRIPTION\n" + roff_line(
                                    "Each command has a page of its own: `man pgkeep-backup`, or "
                                    "`man pgkeep backup`. The same text comes from `pgkeep help COMMAND`.");
  std::vector<Term> terms;
  for (const auto& command : commands())
    if (!command.hidden) terms.push_back({std::string(command.name), fmt::format("{}.", command.summary)});
  text += terms_section("COMMANDS", terms);
  text += terms_section("OPTIONS, BEFORE OR AFTER THE COMMAND", option_terms(global_syntax()));
  text += ".SH SERVERS AND BACKUPS\n" + roff_of(command_conventions());
  text += terms_section("FILES", {{kDefaultConfigFile, "the configuration"}});
  text += ".SH SEE ALSO\n.BR pgkeep.yaml (5)\n";
  return {.file = "pgkeep.1", .text = std::move(text)};
}

ManPage page_of_configuration(std::string_view date) {
  auto text = title("pgkeep.yaml", 5, date, "the configuration of pgkeep");
  text += ".SH DESCRIPTION\n" + roff_of(configuration_reference());
  text += ".SH SEE ALSO\n.BR pgkeep (1)\n";
  return {.file = "pgkeep.yaml.5", .text = std::move(text)};
}

}  // namespace

std::vector<ManPage> man_pages(std::string_view date) {
  std::vector<ManPage> pages{page_of_program(date), page_of_configuration(date)};
  for (const auto& command : commands())
    if (!command.hidden) pages.push_back(page_of(command, date));
  return pages;
}

}  // namespace pgkeep::server
