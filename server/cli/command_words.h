#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "server/cli/command.h"

namespace pgkeep::server {

// What help, docs/commands.md and the man pages say of a command, before each lays it out in its own way.

struct Term {
  std::string name;
  std::string meaning;
};

/// "pgkeep recover [OPTIONS] SERVER BACKUP DESTINATION".
std::string usage(const Command& command, const Syntax& syntax);

std::vector<Term> positional_terms(const Syntax& syntax);
/// By "-j, --jobs N".
std::vector<Term> option_terms(const Syntax& syntax);

/// What every command takes. Its rows are only to be read: the fields are gone.
Syntax global_syntax();

/// A paragraph of a command's details. One that is indented by four is `code`, to be copied as it is, or,
/// where three spaces part names from what they mean, `terms`.
struct Paragraph {
  enum class Kind : std::uint8_t { prose, code, terms };
  Kind kind = Kind::prose;
  std::string_view text;    // as it stands in the details
  std::vector<Term> terms;  // of `terms`
};
std::vector<Paragraph> paragraphs_of(std::string_view details);

}  // namespace pgkeep::server
