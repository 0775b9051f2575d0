#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pgkeep::server {

/// What was given to a command, by the names of its table: options by their long name ("--jobs"), the others
/// by theirs ("SERVER"). Immutable once parsed.
class Arguments {
 public:
  void add(std::string_view name, std::vector<std::string> values);

  bool has(std::string_view name) const { return values_.find(name) != values_.end(); }
  std::optional<std::string> value(std::string_view name) const;
  /// For what the parser made sure of.
  const std::string& required(std::string_view name) const;
  std::vector<std::string> values(std::string_view name) const;

  // Each throws UsageError naming the option and what would be right.
  std::optional<std::uint64_t> number(std::string_view name, std::uint64_t least, std::uint64_t most) const;
  /// A word of `choices`.
  std::optional<std::string> choice(std::string_view name, const std::vector<std::string>& choices) const;
  /// True or false when one of the two flags is given, nothing for none; both are refused.
  std::optional<bool> flag(std::string_view yes, std::string_view no) const;

 private:
  std::map<std::string, std::vector<std::string>, std::less<>> values_;
};

}  // namespace pgkeep::server
