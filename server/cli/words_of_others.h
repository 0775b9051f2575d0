#pragma once

#include <string_view>

namespace pgkeep::server {

// Who comes from Barman, pgBackRest or WAL-G types what is done there.

/// What a command of theirs is called here, or why there is none, as a sentence that ends a message; empty:
/// none of them has such a command, or it has the same name here. Lives for ever.
std::string_view answer_to_command(std::string_view word);

/// The same of an option, as "--stanza", of the command that is called `command` here.
std::string_view answer_to_option(std::string_view command, std::string_view option);

}  // namespace pgkeep::server
