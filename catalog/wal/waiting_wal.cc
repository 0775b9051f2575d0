#include "catalog/wal/waiting_wal.h"

#include <algorithm>
#include <cerrno>
#include <tuple>

#include <fmt/format.h>

#include "catalog/io/compare.h"
#include "catalog/io/error.h"
#include "catalog/wal/wal_conflicts.h"

namespace pgkeep::catalog {
namespace {

using postgres::WalSegment;

/// It is written on the way in, and mostly goes soon.
constexpr int kCompressionLevel = 3;

std::string server_name(const WalArchive& archive) {
  return archive.layout().root().filename().native();
}

/// Throws Corruption when either is damaged.
std::optional<postgres::Lsn> first_difference(SegmentFileReader& archived, const PushedCopy& copy) {
  SegmentFileReader waiting(copy.path);
  const auto at = io::first_difference(archived, waiting);
  const auto& header = archived.header();
  return at ? std::optional(header.segment.begin(header.size) + *at) : std::nullopt;
}

/// False too when it is not there. Throws StorageError when it cannot be read, which says nothing of it.
bool is_sound(const PushedCopy& copy) {
  try {
    if (!look_at(copy)) return false;
    SegmentFileReader reader(copy.path);
    io::read_to_end(reader);
    return true;
  } catch (const Corruption&) {
    return false;
  }
}

}  // namespace

std::vector<WaitingSegment> WaitingWal::list() const {
  std::vector<WaitingSegment> found;
  for (auto& copy : list_pushed_copies(archive_->layout().wal_pushed())) {
    const auto segment = WalSegment::parse(copy.name, archive_->identity().wal_segment_size);
    if (segment && !copy.settled) found.push_back({*segment, std::move(copy)});
  }
  std::ranges::sort(found, [](const WaitingSegment& a, const WaitingSegment& b) {
    return std::tie(a.segment, a.copy.digits) < std::tie(b.segment, b.copy.digits);
  });
  return found;
}

std::vector<WaitingSegment> WaitingWal::of(const WalSegment& segment) const {
  auto all = list();
  std::erase_if(all, [&](const WaitingSegment& waiting) { return waiting.segment != segment; });
  return all;
}

void WaitingWal::require_room(const SegmentFileHeader& header, const StagedFile& pushed,
                              const PushedWalLimits& limits) const {
  const auto name = header.segment.name(header.size);
  const auto all = list();
  const auto refuse = [&](const std::string& why) {
    throw Refused(fmt::format(
        "{}: {}. It was not stored, and the database keeps it. See why the stream does not bring what waits: "
        "`pgkeep pushed-wal {}` lists it, and deletes what is not wanted",
        name, why, server_name(*archive_)));
  };
  if (all.size() >= limits.most_files)
    refuse(fmt::format("{} pushed files wait, and pushed_wal.most_files allows no more", all.size()));
  std::uint64_t bytes = pushed.bytes();  // before it is compressed
  std::size_t copies = 0;
  for (const auto& waiting : all) {
    if (const auto facts = look_at(waiting.copy)) bytes += facts->bytes;
    if (waiting.segment == header.segment) ++copies;
  }
  if (bytes > limits.most_bytes)
    refuse("more bytes of pushed files would wait than pushed_wal.most_bytes allows");
  if (copies >= kMostCopies) refuse(fmt::format("{} other files of that name wait", copies));
}

bool WaitingWal::keep(const SegmentFileHeader& header, const StagedFile& pushed,
                      const PushedWalLimits& limits) const {
  const auto path = archive_->layout().waiting_wal(header.segment.name(header.size), pushed.sha256());
  const auto copy = parse_pushed_copy(path);
  const auto can_be_relied_on = [&] {
    try {
      return is_sound(*copy);
    } catch (const StorageError&) {
      return false;  // written again, to another place of the disk
    }
  };
  // The database drops its own once it is told that this one is here: so it is read, not only seen.
  if (copy && can_be_relied_on()) {
    io::sync_directories(path.parent_path(), archive_->layout().wal());  // seen is not durable
    return false;
  }
  if (!copy || !look_at(*copy)) require_room(header, pushed, limits);  // else it takes a damaged one's place
  io::make_directories(path.parent_path());
  write_segment_file(path, header, pushed.file(), kCompressionLevel);
  io::sync_directory(archive_->layout().wal());  // which names the folder; that may have been there
  return true;
}

/// False when it stays where it is, since there is no room for another conflict.
bool WaitingWal::put_aside(const WaitingSegment& waiting, postgres::Lsn differs_at,
                           const Record& record) const {
  const auto size = archive_->identity().wal_segment_size;
  WalConflicts conflicts(*archive_);
  // Asked first: there may be thousands of such copies, and unpacking them would keep the stream waiting.
  if (!conflicts.has_room_for(waiting.copy, size.bytes())) return false;
  // The bytes of a damaged one may differ before it is seen to be damaged, and say nothing.
  if (auto archived = archive_->open_segment(waiting.segment)) io::read_to_end(*archived);
  SegmentFileReader content(waiting.copy.path);
  const auto aside = StagedFile::receive(archive_->layout(), content, size.bytes());
  if (conflicts.is_settled(waiting.copy.name, aside.sha256())) return true;
  if (!conflicts.keep_aside(waiting.copy.name, aside)) return false;
  record({io::now(), EventKind::conflict,
          fmt::format(
              "{} was pushed ahead of the stream and differs at {} from what is archived now (SHA-256 {}): "
              "it is kept aside (`pgkeep wal-conflicts {}`)",
              waiting.copy.name, differs_at.to_string(), aside.sha256(), server_name(*archive_)),
          WalRange{waiting.segment.timeline, waiting.segment.begin(size), waiting.segment.end(size)}});
  return true;
}

/// False when it stays where it is, since there is no room for another conflict.
bool WaitingWal::settle(const WaitingSegment& waiting, const Record& record) const {
  try {
    auto archived = archive_->open_segment(waiting.segment);
    if (!archived) return true;
    const auto differs_at = first_difference(*archived, waiting.copy);
    // Kept aside and recorded first: a crash in between leaves both, and the next call does it again.
    if (differs_at && !put_aside(waiting, *differs_at, record)) return false;
  } catch (const Corruption&) {
    // Where the archived one is damaged, which verification tells, the copy may be worth more.
    if (is_sound(waiting.copy)) return true;
  } catch (const StorageError& error) {
    if (error.cause() == ENOENT && !look_at(waiting.copy)) return true;  // settled meanwhile
    throw;
  }
  remove(waiting);
  return true;
}

std::vector<std::string> WaitingWal::settle(const std::vector<WaitingSegment>& waiting,
                                            const Record& record) const {
  std::vector<std::string> troubles;
  bool had_room = true;
  for (const auto& one : waiting) {
    try {
      if (!settle(one, record)) had_room = false;
    } catch (const Error& error) {  // one file that cannot be read, say, must not keep all others waiting
      troubles.push_back(fmt::format("{}: {}", one.copy.id(), error.what()));
    }
  }
  if (had_room) return troubles;
  try {
    // Always the same words, and once for all of them: it is found again with every connection.
    record({io::now(),
            EventKind::conflict,
            fmt::format(
                "WAL that was pushed ahead of the stream differs from what is archived now, "
                "and so many conflicts are kept aside that it stays where it waited (`pgkeep pushed-wal {}`, "
                "`pgkeep wal-conflicts {}`)",
                server_name(*archive_), server_name(*archive_)),
            {}});
  } catch (const Error& error) {
    troubles.emplace_back(error.what());
  }
  return troubles;
}

std::vector<std::string> WaitingWal::settle(const WalSegment& segment, const Record& record) const {
  return settle(of(segment), record);
}

std::vector<std::string> WaitingWal::settle_all(const Record& record) const {
  return settle(list(), record);
}

bool WaitingWal::remove(const WaitingSegment& waiting) const {
  if (!io::remove_file(waiting.copy.path)) return false;
  io::sync_directory(waiting.copy.path.parent_path());
  return true;
}

}  // namespace pgkeep::catalog
