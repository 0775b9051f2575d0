#include "catalog/store/pack_name.h"

#include <array>
#include <charconv>
#include <utility>

#include <fmt/format.h>

namespace pgkeep::store {
namespace {

constexpr std::array<std::pair<PackKind, std::string_view>, 3> kExtensions{
    {{PackKind::full, "full"}, {PackKind::delta, "delta"}, {PackKind::meta, "meta"}}};

/// Takes a whole number from the front of `text`; 0 where there is none.
std::uint32_t take_number(std::string_view& text) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return 0;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

}  // namespace

std::string to_string(const PackName& name) {
  std::string_view extension;
  for (const auto& [kind, word] : kExtensions)
    if (kind == name.kind) extension = word;
  const auto generation = name.generation == 1 ? std::string() : fmt::format(".g{}", name.generation);
  return fmt::format("{:08}{}.{}", name.number, generation, extension);
}

std::optional<PackName> parse_pack_name(std::string_view text) {
  PackName name;
  auto rest = text;
  name.number = take_number(rest);
  if (rest.starts_with(".g")) {
    rest.remove_prefix(2);
    name.generation = take_number(rest);
  }
  for (const auto& [kind, word] : kExtensions)
    if (rest.starts_with('.') && rest.substr(1) == word) name.kind = kind;
  // One spelling each: no other file can pass for the pack.
  if (name.number == 0 || name.generation == 0 || to_string(name) != text) return std::nullopt;
  return name;
}

}  // namespace pgkeep::store
