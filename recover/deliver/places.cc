#include "recover/deliver/places.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string_view>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/io/shell.h"
#include "recover/deliver/ssh_process.h"

namespace pgkeep::recover {
namespace {

/// Walks from each place up to the root by real paths. Prints a line a fact: kind, number of the place, rest.
///   at N DEVICE:INODE[/NAME]   a directory on the way, the place itself first; NAME: it is not there yet
///   in N KIND PATH             that directory is PostgreSQL's, or ours
///   nowhere N                  the place is a symbolic link to nothing
constexpr std::string_view kWalkScript = R"sh(
say() { printf '%s\n' "$*"; }
judge() {
  if [ -e "$2/PG_VERSION" ] && [ -d "$2/global" ]; then say "in $1 data $2"; return; fi
  if [ -d "$2/archive_status" ]; then say "in $1 wal $2"; return; fi
  if [ -e "$2/repository.json" ]; then say "in $1 repository $2"; return; fi
  for entry in "$2"/PG_[0-9]*_[0-9]*; do
    if [ -d "$entry" ]; then say "in $1 tablespace $2"; return; fi
  done
}
walk() {
  if [ -h "$2" ] && [ ! -e "$2" ]; then say "nowhere $1"; return; fi
  if [ -d "$2" ]; then exists=$2 new=; else exists=$3 new=/${2##*/}; fi
  here=$(cd -P -- "$exists" 2>/dev/null && pwd -P) || return 0
  if [ -n "$new" ]; then say "at $1 $(stat -L -c '%d:%i' "$here")$new"; judge "$1" "$here"; fi
  while :; do
    say "at $1 $(stat -L -c '%d:%i' "$here")"
    [ "$here" != / ] || break
    here=${here%/*}
    here=${here:-/}
    judge "$1" "$here"
  done
}
)sh";

/// What was found of one place.
struct Found {
  std::vector<std::string> chain;  // the directories from itself up to the root
  std::string inside;              // what it lies in, in words; empty: nothing that matters
  bool leads_nowhere = false;
};

std::string in_words(std::string_view kind, std::string_view path) {
  if (kind == "data") return fmt::format("{}, which is a data directory of PostgreSQL", path);
  if (kind == "wal") return fmt::format("{}, which is a WAL directory of PostgreSQL", path);
  if (kind == "tablespace") return fmt::format("{}, which is a tablespace of PostgreSQL", path);
  return fmt::format("{}, which is a repository of pgkeep", path);
}

std::string_view take_word(std::string_view& text) {
  const auto word = text.substr(0, text.find(' '));
  text.remove_prefix(std::min(text.size(), word.size() + 1));
  return word;
}

std::vector<Found> parse(std::string_view output, std::size_t places) {
  std::vector<Found> found(places);
  while (!output.empty()) {
    auto line = output.substr(0, output.find('\n'));
    output.remove_prefix(std::min(output.size(), line.size() + 1));
    const auto kind = take_word(line);
    const auto number = take_word(line);
    // A name of a directory may have line breaks: what is no fact of ours is passed over.
    const auto at = std::ranges::find_if(
        found, [&](const Found& f) { return std::to_string(&f - found.data()) == number; });
    if (at == found.end()) continue;
    if (kind == "at") at->chain.emplace_back(line);
    if (kind == "nowhere") at->leads_nowhere = true;
    if (kind == "in" && at->inside.empty()) {
      const auto what = take_word(line);
      at->inside = in_words(what, line);
    }
  }
  return found;
}

bool holds(const Found& outer, const Found& inner) {
  return !outer.chain.empty() && std::ranges::find(inner.chain, outer.chain.front()) != inner.chain.end();
}

}  // namespace

void require_free_places(const std::vector<std::string>& shell, const std::vector<DeliveryRoot>& roots) {
  std::string script(kWalkScript);
  for (std::size_t i = 0; i < roots.size(); ++i) {
    const auto above = std::filesystem::path(roots[i].directory).parent_path().native();
    script += fmt::format("walk {} {} {}\n", i, io::shell_quote(roots[i].directory), io::shell_quote(above));
  }
  SshProcess process(shell, "sh -s");
  process.write(io::as_bytes(script));
  const auto found = parse(process.finish(), roots.size());
  for (std::size_t i = 0; i < roots.size(); ++i) {
    const auto& root = roots[i];
    if (found[i].leads_nowhere) {
      refuse(root, fmt::format("{}: {} is a symbolic link to a directory that does not exist; "
                               "make that directory, or remove the link",
                               root.directory, root.what));
    }
    if (!found[i].inside.empty()) {
      refuse(root, fmt::format("{}: {} would lie in {}; choose a directory outside of it", root.directory,
                               root.what, found[i].inside));
    }
    for (std::size_t k = 0; k < roots.size(); ++k) {
      if (k == i || !holds(found[k], found[i])) continue;
      refuse(root, fmt::format("{}: {} reaches the same directory as {} ({}), or one inside of it, "
                               "by a link or a mount; each needs a directory of its own",
                               root.directory, root.what, roots[k].what, roots[k].directory));
    }
  }
}

}  // namespace pgkeep::recover
