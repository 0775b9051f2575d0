#include "server/cli/command_words.h"

#include <algorithm>

#include <fmt/format.h>

#include "server/cli/commands.h"

namespace pgkeep::server {
namespace {

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

std::string spelled(const Option& option) {
  std::string names(option.names);
  if (const auto comma = names.find(','); comma != names.npos) names.insert(comma + 1, " ");
  return option.value.empty() ? names : fmt::format("{} {}", names, option.value);
}

constexpr std::string_view kIndent = "    ";

/// The terms of an indented paragraph; none when it is code. A line without a gap continues the meaning
/// before it.
std::vector<Term> terms_in(std::string_view paragraph) {
  constexpr std::string_view kGap = "   ";
  std::vector<Term> terms;
  while (!paragraph.empty()) {
    auto line = paragraph.substr(0, paragraph.find('\n'));
    paragraph.remove_prefix(std::min(paragraph.size(), line.size() + 1));
    line.remove_prefix(std::min(line.size(), kIndent.size()));
    const auto meaning = line.find_first_not_of(' ', std::min(line.find(kGap), line.size()));
    if (meaning == line.npos) return {};
    if (line.front() == ' ') {
      if (terms.empty()) return {};
      terms.back().meaning += fmt::format(" {}", line.substr(meaning));
    } else {
      terms.push_back({std::string(line.substr(0, line.find(kGap))), std::string(line.substr(meaning))});
    }
  }
  return terms;
}

}  // namespace

std::string usage(const Command& command, const Syntax& syntax) {
  auto text = fmt::format("pgkeep {}", command.name);
  if (!syntax.options().empty()) text += " [OPTIONS]";
  for (const auto& positional : syntax.positionals()) text += " " + in_usage(positional);
  return text;
}

std::vector<Term> positional_terms(const Syntax& syntax) {
  std::vector<Term> terms;
  for (const auto& positional : syntax.positionals())
    terms.push_back({std::string(positional.name), std::string(positional.help)});
  return terms;
}

std::vector<Term> option_terms(const Syntax& syntax) {
  std::vector<Term> terms;
  for (const auto& option : syntax.options()) terms.push_back({spelled(option), std::string(option.help)});
  return terms;
}

Syntax global_syntax() {
  GlobalArguments arguments;
  Syntax syntax;
  arguments.declare(syntax);
  return syntax;
}

std::vector<Paragraph> paragraphs_of(std::string_view details) {
  std::vector<Paragraph> paragraphs;
  while (!details.empty()) {
    const auto end = std::min(details.find("\n\n"), details.size());
    Paragraph paragraph{.text = details.substr(0, end), .terms = {}};
    if (paragraph.text.starts_with(kIndent)) {
      paragraph.terms = terms_in(paragraph.text);
      paragraph.kind = paragraph.terms.empty() ? Paragraph::Kind::code : Paragraph::Kind::terms;
    }
    paragraphs.push_back(std::move(paragraph));
    details.remove_prefix(std::min(details.size(), end + 2));
  }
  return paragraphs;
}

}  // namespace pgkeep::server
