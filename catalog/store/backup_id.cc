#include "catalog/store/backup_id.h"

#include <chrono>

#include <fmt/format.h>

namespace pgkeep::store {
namespace {

std::string compact(io::TimePoint time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  const auto day = std::chrono::floor<std::chrono::days>(seconds);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(seconds - day);
  return fmt::format("{:04}{:02}{:02}T{:02}{:02}{:02}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

/// "20261120T020000Z" as RFC 3339, for the one parser of times.
std::string expanded(std::string_view text) {
  return fmt::format("{}-{}-{}T{}:{}:{}Z", text.substr(0, 4), text.substr(4, 2), text.substr(6, 2),
                     text.substr(9, 2), text.substr(11, 2), text.substr(13, 2));
}

}  // namespace

BackupId::BackupId(io::TimePoint start) : text_(compact(start)) {}

std::optional<BackupId> BackupId::parse(std::string_view text) {
  if (text.size() != 16 || text[8] != 'T' || text[15] != 'Z') return std::nullopt;
  const auto time = io::parse_rfc3339(expanded(text));
  if (!time || compact(*time) != text) return std::nullopt;
  return BackupId(std::string(text));
}

BackupId BackupId::next() const {
  return BackupId(*io::parse_rfc3339(expanded(text_)) + std::chrono::seconds(1));
}

}  // namespace pgkeep::store
