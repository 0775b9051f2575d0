#include "streaming/backup/backup_notices.h"

#include <algorithm>

#include <fmt/format.h>

#include "catalog/postgres/number.h"

namespace pgkeep::streaming {
namespace {

constexpr std::size_t kNoticesKept = 1000;
constexpr std::string_view kDigits = "0123456789";

}  // namespace

void BackupNotices::take(std::string_view severity, std::string_view message) {
  last_ = message;
  if (kept_.size() > kNoticesKept) return;
  if (kept_.size() == kNoticesKept) {
    kept_.push_back("PostgreSQL warned of more, which is not kept");
    return observer_->warning("PostgreSQL warns of more, which is not shown: see its log");
  }
  kept_.push_back(fmt::format("{}: {}", severity, message));
  observer_->warning("PostgreSQL: " + kept_.back());
}

std::uint64_t BackupNotices::damaged_pages() const {
  constexpr std::uint64_t kOneAtLeast = 1;
  const auto begin = last_.find_first_of(kDigits);
  if (begin == std::string::npos) return kOneAtLeast;
  const auto end = std::min(last_.find_first_not_of(kDigits, begin), last_.size());
  const bool only_number = last_.find_first_of(kDigits, end) == std::string::npos;
  const auto number = postgres::parse_number<std::uint64_t>(last_.substr(begin, end - begin));
  return only_number && number ? std::max(*number, kOneAtLeast) : kOneAtLeast;
}

}  // namespace pgkeep::streaming
