#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>

#include "catalog/io/units.h"

namespace pgkeep::store {

/// A backup's name: its start in UTC, "20261120T020000Z"; 16 characters, sorts by time.
class BackupId {
 public:
  explicit BackupId(io::TimePoint start);
  static std::optional<BackupId> parse(std::string_view text);
  const std::string& to_string() const noexcept { return text_; }
  /// The id of a backup a second later: for a start whose name is taken.
  BackupId next() const;
  auto operator<=>(const BackupId&) const = default;

 private:
  explicit BackupId(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

}  // namespace pgkeep::store
