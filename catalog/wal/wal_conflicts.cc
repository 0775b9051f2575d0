#include "catalog/wal/wal_conflicts.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <system_error>
#include <tuple>

#include <fmt/format.h>

#include "catalog/io/compare.h"
#include "catalog/io/compression.h"
#include "catalog/io/error.h"
#include "catalog/wal/archived_file.h"
#include "catalog/wal/wal_archive_writer.h"

namespace pgkeep::catalog {
namespace {

namespace fs = std::filesystem;
using postgres::WalFileKind;

constexpr std::uint64_t kMaxMarkBytes = 1024;

std::optional<postgres::WalOrigin> origin_in(io::ByteSource& source) {
  std::array<std::byte, postgres::kWalOriginBytes> head{};
  std::size_t filled = 0;
  while (filled < head.size()) {
    const auto n = source.read(io::ByteSpan(head).subspan(filled));
    if (n == 0) return std::nullopt;
    filled += n;
  }
  return postgres::wal_origin(head);
}

/// What StagedFile reads a copy with; a copy is never longer than what was staged once.
constexpr std::uint64_t kLongest = std::uint64_t{1} << 30;

}  // namespace

std::string WalConflict::id() const {
  return fmt::format("{}.{}", name, std::string_view(sha256).substr(0, kPushedCopyDigits));
}

std::vector<PushedCopy> WalConflicts::copies() const {
  return list_pushed_copies(archive_->layout().wal_conflicts());
}

std::size_t WalConflicts::count_open() const {
  const auto all = copies();
  return static_cast<std::size_t>(std::ranges::count(all, false, &PushedCopy::settled));
}

/// The caller has a WalArchiveWriter.
void WalConflicts::put_aside(std::string_view name, const StagedFile& file) const {
  const auto path = archive_->layout().wal_conflict(name, file.sha256());
  if (!io::is_there(path)) file.keep_compressed(path);
  io::sync_directories(path.parent_path(), archive_->layout().wal());  // seen is not durable
}

bool WalConflicts::has_room(std::uint64_t bytes) const {
  std::size_t kept = 0;
  for (const auto& copy : copies()) {
    const auto facts = copy.settled ? std::nullopt : look_at(copy);
    if (!facts) continue;
    ++kept;
    bytes += facts->bytes;
  }
  return kept < kMostKept && bytes <= kMostBytes;
}

bool WalConflicts::has_room_for(const PushedCopy& copy, std::uint64_t bytes) const {
  const auto& layout = archive_->layout();
  return io::is_there(layout.wal_conflict(copy.name, copy.digits)) ||
         io::is_there(layout.settled_conflict(copy.name, copy.digits)) || has_room(bytes);
}

bool WalConflicts::keep_aside(std::string_view name, const StagedFile& pushed) const {
  const WalArchiveWriter alone(*archive_);
  if (!io::is_there(archive_->layout().wal_conflict(name, pushed.sha256())) && !has_room(pushed.bytes()))
    return false;
  put_aside(name, pushed);
  return true;
}

bool WalConflicts::is_settled(std::string_view name, std::string_view sha256) const {
  const auto mark = io::read_file_if_exists(archive_->layout().settled_conflict(name, sha256), kMaxMarkBytes);
  return mark && io::as_text(*mark) == fmt::format("{}\n", sha256);
}

std::optional<WalConflict> WalConflicts::describe(const PushedCopy& copy) const {
  const auto facts = look_at(copy);
  if (!facts) return std::nullopt;
  WalConflict conflict;
  conflict.name = copy.name;
  conflict.settled = copy.settled;
  conflict.since = facts->since;
  if (copy.settled) {
    const auto mark = io::read_whole_file(copy.path, kMaxMarkBytes);
    conflict.sha256 = std::string(io::as_text(mark).substr(0, mark.size() - (mark.empty() ? 0 : 1)));
    return conflict;
  }
  conflict.sha256 = copy.digits;  // as far as it is known before the copy is read
  conflict.stored_bytes = facts->bytes;
  const auto pushed = unpack(conflict);
  conflict.sha256 = pushed.sha256();
  conflict.bytes = pushed.bytes();
  const bool is_wal = segment_of_wal_file(copy.name, archive_->identity().wal_segment_size).has_value() &&
                      postgres::wal_file_kind(copy.name) != WalFileKind::backup_history;
  if (is_wal) {
    io::FileSource source(pushed.file());
    conflict.pushed_origin = origin_in(source);
  }
  if (auto stored = open_archived_file(*archive_, copy.name)) {
    conflict.has_stored = true;
    io::FileSource source(pushed.file());
    conflict.differs_at = io::first_difference(*stored, source);
    auto again = open_archived_file(*archive_, copy.name);
    if (is_wal && again) conflict.stored_origin = origin_in(*again);
  } else if (const auto segment =
                 postgres::WalSegment::parse(copy.name, archive_->identity().wal_segment_size)) {
    io::FileSource source(pushed.file());
    conflict.differs_at = archive_->contradicts_partial(*segment, source, pushed.bytes());
  }
  return conflict;
}

std::vector<WalConflict> WalConflicts::list(std::string_view name) const {
  std::vector<WalConflict> found;
  for (const auto& copy : copies()) {
    if (!name.empty() && name != copy.name && name != copy.id()) continue;
    if (auto conflict = describe(copy)) found.push_back(*std::move(conflict));
  }
  std::ranges::sort(found, [](const WalConflict& a, const WalConflict& b) {
    return std::tie(a.name, a.since, a.sha256) < std::tie(b.name, b.since, b.sha256);
  });
  return found;
}

StagedFile WalConflicts::unpack(const WalConflict& conflict) const {
  const auto file = io::File::open_to_read(archive_->layout().wal_conflict(conflict.name, conflict.sha256));
  io::FileSource stored(file);
  io::DecompressingSource plain(stored);
  auto unpacked = StagedFile::receive(archive_->layout(), plain, kLongest);
  if (unpacked.sha256().starts_with(conflict.sha256)) return unpacked;
  throw Corruption(fmt::format("{}: is damaged: its SHA-256 is {}", file.path().native(), unpacked.sha256()));
}

void WalConflicts::keep_stored(const WalConflict& conflict) const {
  const auto& layout = archive_->layout();
  const WalArchiveWriter alone(*archive_);
  // The mark first: without it the copy would come again with the next push.
  io::write_file_durably(layout.settled_conflict(conflict.name, conflict.sha256),
                         io::as_bytes(conflict.sha256 + "\n"));
  if (io::remove_file(layout.wal_conflict(conflict.name, conflict.sha256)))
    io::sync_directory(layout.wal_conflicts());
}

/// Before anything is changed.
void WalConflicts::require_replaceable(const WalConflict& conflict, const StagedFile& pushed) const {
  const auto size = archive_->identity().wal_segment_size;
  if (const auto timeline = postgres::parse_history_name(conflict.name)) {
    if (!archive_->inventory().has_wal_of(*timeline)) return;
    throw Refused(
        fmt::format("WAL of timeline {} is here that follows the history that is stored; "
                    "another history makes it another branch of the cluster, "
                    "which is to be kept under a server name of its own. Nothing was changed",
                    timeline->to_string()));
  }
  if (!segment_of_wal_file(conflict.name, size)) {
    throw Refused(fmt::format(
        "{}: no file of this server can have that name, so it was not pushed; nothing was changed. "
        "See who put it into {}; `pgkeep wal-conflicts` with `--keep stored` takes it away",
        conflict.name, archive_->layout().wal_conflicts().native()));
  }
  const auto segment = postgres::WalSegment::parse(conflict.name, size);
  if (!segment) return;
  io::FileSource source(pushed.file());
  const auto at = archive_->contradicts_partial(*segment, source, pushed.bytes());
  if (!at) return;
  throw Refused(fmt::format(
      "{}: differs at {} from what was received of that segment ({}), which the server was told is safe; "
      "nothing was changed. If the pushed one is right nevertheless, what was received is another history: "
      "`pgkeep new-line` sets it aside and begins with a new backup",
      conflict.name, (segment->begin(size) + *at).to_string(),
      archive_->layout().partial(*segment, size).native()));
}

void WalConflicts::put_former_aside(const std::string& name, const StagedFile& pushed) const {
  auto stored = open_archived_file(*archive_, name);
  if (!stored) return;
  const auto former = StagedFile::receive(archive_->layout(), *stored, kLongest);
  if (former.sha256() == pushed.sha256()) return;
  const WalArchiveWriter alone(*archive_);
  put_aside(name, former);
}

std::optional<SegmentFileHeader> WalConflicts::put_in_place(const std::string& name, const StagedFile& pushed,
                                                            int compression_level) const {
  const auto& layout = archive_->layout();
  if (const auto timeline = postgres::parse_history_name(name)) {
    WalArchiveWriter(*archive_).replace_history(*timeline, pushed.text());
    return std::nullopt;
  }
  const auto segment = segment_of_wal_file(name, archive_->identity().wal_segment_size).value();
  switch (*postgres::wal_file_kind(name)) {
    case WalFileKind::segment:
      if (const auto line = archive_->history(segment.timeline))
        return WalArchiveWriter(*archive_).replace_segment(pushed.file(), segment, *line, compression_level);
      throw Refused(fmt::format("{}: the history of timeline {} is not here; push {} first", name,
                                segment.timeline.to_string(), segment.timeline.history_file()));
    case WalFileKind::partial: {
      const WalArchiveWriter alone(*archive_);
      pushed.keep_compressed(layout.pushed_partial(segment, archive_->identity().wal_segment_size));
      break;
    }
    case WalFileKind::backup_history: {
      const WalArchiveWriter alone(*archive_);
      io::write_file_durably(layout.backup_history(name), io::as_bytes(pushed.text()));
      break;
    }
    case WalFileKind::history:
      break;  // above
  }
  return std::nullopt;
}

void WalConflicts::replace_history(postgres::TimelineId timeline, const std::string& content) const {
  io::MemorySource source(io::as_bytes(content));
  const auto replacement = StagedFile::receive(archive_->layout(), source, kMaxSmallWalFile);
  put_former_aside(timeline.history_file(), replacement);  // safe beside before its place is taken
  WalArchiveWriter(*archive_).replace_history(timeline, content);
}

std::optional<SegmentFileHeader> WalConflicts::keep_pushed(const WalConflict& conflict,
                                                           int compression_level) const {
  const auto pushed = unpack(conflict);
  require_replaceable(conflict, pushed);
  // The former one is safe beside before its place is taken, and the pushed one in its place before its copy
  // goes: a crash in between leaves both.
  put_former_aside(conflict.name, pushed);
  const auto header = put_in_place(conflict.name, pushed, compression_level);
  const auto& layout = archive_->layout();
  if (io::remove_file(layout.wal_conflict(conflict.name, pushed.sha256())))
    io::sync_directory(layout.wal_conflicts());
  return header;
}

}  // namespace pgkeep::catalog
