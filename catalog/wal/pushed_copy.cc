#include "catalog/wal/pushed_copy.h"

#include <algorithm>

#include "catalog/io/file.h"
#include "catalog/io/file_facts.h"
#include "catalog/postgres/wal_segment.h"

namespace pgkeep::catalog {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kCopy = ".zst";
constexpr std::string_view kSettled = ".settled";

bool is_digit(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

}  // namespace

std::optional<PushedCopy> parse_pushed_copy(const fs::path& path) {
  const auto file_name = path.filename().native();
  std::string_view name = file_name;
  const bool settled = name.ends_with(kSettled);
  if (!settled && !name.ends_with(kCopy)) return std::nullopt;
  name.remove_suffix(settled ? kSettled.size() : kCopy.size());
  const auto dot = name.rfind('.');
  if (dot == name.npos) return std::nullopt;
  const auto digits = name.substr(dot + 1);
  name = name.substr(0, dot);
  if (digits.size() != kPushedCopyDigits || !std::ranges::all_of(digits, is_digit) ||
      !postgres::wal_file_kind(name))
    return std::nullopt;
  return PushedCopy{std::string(name), std::string(digits), path, settled};
}

std::vector<PushedCopy> list_pushed_copies(const fs::path& folder) {
  std::vector<PushedCopy> found;
  for (const auto& entry : io::entries(folder))
    if (auto copy = parse_pushed_copy(entry.path())) found.push_back(*std::move(copy));
  return found;
}

std::optional<PushedCopyFacts> look_at(const PushedCopy& copy) {
  const auto facts = io::facts_of(copy.path);
  if (!facts) return std::nullopt;
  return PushedCopyFacts{facts->bytes, facts->written};
}

}  // namespace pgkeep::catalog
