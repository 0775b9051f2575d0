#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace pgkeep::server {

/// What a shell may put in the place of the word that is being typed.
struct Completions {
  struct Word {
    std::string word;
    std::string what;  // may be empty
  };
  std::vector<Word> words;
  bool files = false;  // names of files, which the shell knows itself
};

/// What only the configuration and the repository tell. `config_file` is that of the line, or the usual one.
struct KnownNames {
  std::function<std::vector<std::string>(const std::string& config_file)> servers;
  /// Ids, the newest first, and names.
  std::function<std::vector<std::string>(const std::string& config_file, const std::string& server)> backups;
};

/// Completes a line of which `words` are those after the program's name, and the last, perhaps empty, is
/// being typed. Commands, options and the words of an option come from the table of commands. Throws what
/// `known` throws.
Completions complete_line(const std::vector<std::string>& words, const KnownNames& known);

}  // namespace pgkeep::server
