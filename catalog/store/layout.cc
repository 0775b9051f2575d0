#include "catalog/store/layout.h"

#include <fmt/format.h>

#include "catalog/io/file.h"

namespace pgkeep::store {
namespace {

constexpr std::string_view kIncoming = "incoming-";
constexpr std::size_t kShownDigits = 16;

}  // namespace

ServerLayout ServerLayout::of_line(unsigned number) const {
  ServerLayout layout(root_);
  layout.line_ = number;
  layout.line_folder_ = lines() / std::to_string(number);
  return layout;
}

std::filesystem::path ServerLayout::partial(const postgres::WalSegment& segment,
                                            postgres::WalSegmentSize size) const {
  return wal_streaming() / (segment.name(size) + ".partial");
}

std::filesystem::path ServerLayout::archived(const postgres::WalSegment& segment,
                                             postgres::WalSegmentSize size) const {
  const auto name = segment.name(size);
  return wal() / name.substr(0, 8) / name.substr(8, 8) / (name + ".zst");
}

std::filesystem::path ServerLayout::history(postgres::TimelineId timeline) const {
  return wal() / timeline.history_file();
}

std::filesystem::path ServerLayout::pushed_partial(const postgres::WalSegment& segment,
                                                   postgres::WalSegmentSize size) const {
  return archived(segment, size).parent_path() / (segment.name(size) + ".partial.zst");
}

std::filesystem::path ServerLayout::incoming(std::string_view unique) const {
  return wal() / fmt::format("{}{}.tmp", kIncoming, unique);
}

bool ServerLayout::is_incoming(const std::filesystem::path& path) {
  const auto name = path.filename().native();
  return name.starts_with(kIncoming) && name.ends_with(".tmp");
}

std::filesystem::path ServerLayout::waiting_wal(std::string_view name, std::string_view sha256) const {
  return wal_pushed() / fmt::format("{}.{}.zst", name, sha256.substr(0, kShownDigits));
}

std::filesystem::path ServerLayout::wal_conflict(std::string_view name, std::string_view sha256) const {
  return wal_conflicts() / fmt::format("{}.{}.zst", name, sha256.substr(0, kShownDigits));
}

std::filesystem::path ServerLayout::settled_conflict(std::string_view name, std::string_view sha256) const {
  return wal_conflicts() / fmt::format("{}.{}.settled", name, sha256.substr(0, kShownDigits));
}

void ServerLayout::make() const {
  for (const auto& folder : {root_ / "locks", wal_streaming(), packs(), backups()})
    io::make_directories(folder);
  // Those that were there too: what is stored in them would be lost with their names.
  io::sync_directories(wal(), root_.parent_path());
}

}  // namespace pgkeep::store
