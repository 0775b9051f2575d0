#include "streaming/backup/backup_notices.h"

#include <algorithm>

#include <fmt/format.h>

#include "catalog/postgres/number.h"
#include "catalog/postgres/relation_file.h"

namespace pgkeep::streaming {
namespace {

constexpr std::size_t kNoticesKept = 1000;
constexpr std::string_view kDigits = "0123456789";
constexpr std::string_view kInPaths = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_./";

/// The path that the text begins with, as far as it can be one of a relation's file.
std::string relation_file_at(std::string_view text) {
  const auto path = text.substr(0, std::min(text.find_first_not_of(kInPaths), text.size()));
  return postgres::parse_relation_file(path) ? std::string(path) : std::string();
}

/// The file of a relation that the text names; empty when it names none. The words around it, and the kind of
/// quotes, depend on the server's language.
std::string relation_file_in(std::string_view text, const std::vector<Tablespace>& tablespaces) {
  for (const auto& tablespace : tablespaces) {
    if (tablespace.oid == 0) continue;
    const auto at = text.find(tablespace.location + "/PG_");
    if (at == text.npos) continue;
    return relation_file_at(
        fmt::format("pg_tblspc/{}{}", tablespace.oid, text.substr(at + tablespace.location.size())));
  }
  for (const std::string_view begin : {"./base/", "./global/", "pg_tblspc/"}) {
    const auto at = text.find(begin);
    if (at != text.npos) return relation_file_at(text.substr(at + (begin.starts_with("./") ? 2 : 0)));
  }
  return {};
}

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

std::vector<std::string> BackupNotices::named_files(const std::vector<Tablespace>& tablespaces) const {
  std::vector<std::string> files;
  for (const auto& notice : kept_) {
    auto file = relation_file_in(notice, tablespaces);
    if (!file.empty() && std::ranges::find(files, file) == files.end()) files.push_back(std::move(file));
  }
  return files;
}

}  // namespace pgkeep::streaming
