#include "catalog/wal/pushed_wal.h"

#include <algorithm>
#include <array>
#include <exception>
#include <filesystem>

#include <fmt/format.h>

#include "catalog/io/compare.h"
#include "catalog/io/error.h"
#include "catalog/io/hashing.h"
#include "catalog/postgres/number.h"
#include "catalog/postgres/wal_page.h"
#include "catalog/wal/archived_file.h"
#include "catalog/wal/wal_adoption.h"
#include "catalog/wal/wal_archive_writer.h"

namespace pgkeep::catalog {
namespace {

using postgres::WalFileKind;
using postgres::WalSegment;

constexpr std::size_t kSegmentDigits = 24;
constexpr std::size_t kOffsetDigits = 8;
constexpr std::string_view kBackupHistory = ".backup";
constexpr std::string_view kLastSegment = ".partial.zst";

constexpr std::array<std::string_view, 4> kOutcomes{"stored", "had_it", "settled", "waiting"};

/// The first bytes of another source.
class FirstBytes final : public io::ByteSource {
 public:
  FirstBytes(io::ByteSource& source, std::uint64_t bytes) : source_(&source), left_(bytes) {}
  std::size_t read(io::ByteSpan into) override {
    const auto n = source_->read(into.first(std::min<std::uint64_t>(left_, into.size())));
    left_ -= n;
    return n;
  }

 private:
  io::ByteSource* source_;
  std::uint64_t left_;
};

std::string lower_case(std::string text) {
  for (auto& c : text)
    if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

/// In lower case.
std::string require_sha256(const std::string& text) {
  io::Sha256::Digest digest;
  try {
    io::from_hex(text, digest);
  } catch (const Corruption&) {
    throw UsageError(fmt::format("'{}' is no SHA-256, which has 64 hexadecimal digits", text));
  }
  return lower_case(text);
}

/// Whether a backup history file's name can be: the offset lies in the segment.
bool is_possible(std::string_view name, postgres::WalSegmentSize size) {
  const auto segment = segment_of_wal_file(name, size);
  if (!segment) return false;
  if (postgres::wal_file_kind(name) != WalFileKind::backup_history) return true;
  const auto offset =
      postgres::parse_number<std::uint32_t>(name.substr(kSegmentDigits + 1, kOffsetDigits), 16);
  return offset && *offset < size.bytes();
}

WalFileKind require_wal_file(std::string_view name, postgres::WalSegmentSize size) {
  const auto kind = postgres::wal_file_kind(name);
  const auto first = postgres::TimelineId(1);
  const auto timeline = postgres::parse_history_name(name);
  if (kind && (*kind == WalFileKind::history ? timeline && *timeline != first : is_possible(name, size)))
    return *kind;
  throw UsageError(
      fmt::format("'{}' is no name of a WAL file of this server: a segment, NAME.partial, "
                  "NAME.XXXXXXXX.backup or XXXXXXXX.history",
                  name));
}

/// A stored file, compared with the first bytes of one that was pushed.
struct StoredFile {
  bool is_there = false;
  std::optional<std::uint64_t> differs_at;
  std::optional<std::string> damage;  // then its bytes say nothing
};

StoredFile compare_with_stored(const WalArchive& archive, const std::string& stored_name,
                               const StagedFile& pushed, std::uint64_t bytes) {
  try {
    const auto stored = open_archived_file(archive, stored_name);
    if (!stored) return {};
    io::FileSource source(pushed.file());
    FirstBytes offered(source, bytes);
    FirstBytes theirs(*stored, bytes);
    const auto differs_at = io::first_difference(theirs, offered);
    io::read_to_end(*stored);  // a damaged one may differ before it is seen to be damaged
    return {true, differs_at, {}};
  } catch (const Error& error) {
    // A bad disk under the stored one must not keep the database's from being taken.
    const auto* storage = dynamic_cast<const StorageError*>(&error);
    if (!is_damage(error) || (storage != nullptr && storage->path() == pushed.file().path())) throw;
    return {true, {}, error.what()};
  }
}

}  // namespace

std::string_view to_string(PushOutcome outcome) {
  return kOutcomes.at(static_cast<std::size_t>(outcome));
}

PushReceipt PushedWal::take(std::string_view name, io::ByteSource& content,
                            const std::optional<std::string>& sha256) {
  const auto size = archive_->identity().wal_segment_size;
  const auto kind = require_wal_file(name, size);
  const bool is_small = kind == WalFileKind::history || kind == WalFileKind::backup_history;
  const auto expected = sha256 ? std::optional(require_sha256(*sha256)) : std::nullopt;
  const auto longest = kind == WalFileKind::history          ? kMostHistoryBytes
                       : kind == WalFileKind::backup_history ? kMostBackupHistoryBytes
                                                             : size.bytes();
  const auto pushed = StagedFile::receive(archive_->layout(), content, longest);
  if (expected && pushed.sha256() != *expected) {
    throw Corruption(fmt::format(
        "{}: {} bytes came with SHA-256 {}, where {} was promised: they were cut or changed on the way. "
        "Nothing was stored; push it again",
        name, pushed.bytes(), pushed.sha256(), *expected));
  }
  if (!is_small && pushed.bytes() != size.bytes()) {
    throw Corruption(fmt::format(
        "{}: {} bytes came, where a segment of this server has {}. Nothing was stored; push it again", name,
        pushed.bytes(), size.bytes()));
  }
  const std::string own_name(name);
  switch (kind) {
    case WalFileKind::segment:
      return take_segment(own_name, pushed);
    case WalFileKind::partial:
      return take_partial(own_name, pushed);
    case WalFileKind::history:
      return take_history(own_name, pushed);
    case WalFileKind::backup_history:
      break;
  }
  return take_backup_history(own_name, pushed);
}

postgres::TimelineHistory PushedWal::require_history(const std::string& name,
                                                     postgres::TimelineId timeline) const {
  if (auto line = archive_->history(timeline)) return *std::move(line);
  throw Refused(fmt::format(
      "{}: the history of timeline {} is not here, and without it that WAL cannot be checked. "
      "Nothing was stored; push {} first, from the server's pg_wal (PostgreSQL does that by itself)",
      name, timeline.to_string(), timeline.history_file()));
}

WalRange PushedWal::range_of(const WalSegment& segment) const {
  const auto size = archive_->identity().wal_segment_size;
  return {segment.timeline, segment.begin(size), segment.end(size)};
}

PushReceipt PushedWal::take_segment(const std::string& name, const StagedFile& pushed) {
  const auto size = archive_->identity().wal_segment_size;
  const auto segment = WalSegment::parse(name, size).value();
  const auto line = require_history(name, segment.timeline);
  SegmentFileHeader header;
  try {
    header = archive_->check_segment(pushed.file(), segment, line);
  } catch (const Corruption& error) {
    throw Corruption(fmt::format("{}: was pushed, but not stored: {}", name, error.what()));
  }
  // Until it is kept: what the stream archives meanwhile would never be compared with it.
  std::optional<WalArchiveWriter> writer(*archive_);
  const auto archived = compare_with_stored(*archive_, name, pushed, pushed.bytes());
  io::FileSource offered(pushed.file());
  const auto differs_at = archived.is_there ? archived.differs_at
                                            : archive_->contradicts_partial(segment, offered, pushed.bytes());
  if (differs_at) {
    writer.reset();  // another is made to keep it aside
    return conflict(name, pushed,
                    fmt::format("differs at {} from {}", (segment.begin(size) + *differs_at).to_string(),
                                archived.is_there ? "the segment in the archive"
                                                  : "what was received of it by the stream"),
                    range_of(segment));
  }
  if (archived.is_there && !archived.damage) {
    writer->sync_name(segment);  // seen is not durable
    return {PushOutcome::had_it, {}};
  }
  const bool is_new = waiting_.keep(header, pushed, limits_);
  writer.reset();
  PushReceipt receipt{is_new ? PushOutcome::waiting : PushOutcome::had_it, {}};
  if (archived.damage) {
    receipt.warnings.push_back(
        fmt::format("{}: the segment in the archive is damaged ({}); "
                    "the pushed one waits, and `pgkeep adopt-wal {} {}` puts it in its place",
                    name, *archived.damage, archive_->layout().root().filename().native(), name));
  }
  fill_gap(segment, receipt);
  return receipt;
}

/// The segment is durable by now: what fails here is done again by the stream, or with the next segment.
void PushedWal::fill_gap(const WalSegment& segment, PushReceipt& receipt) {
  EventJournal journal(archive_->layout());
  const auto record = [&journal](const Event& event) { journal.append(event); };
  try {
    const auto taken = WalAdoption(*archive_).fill_gap_around(segment, record);
    for (const auto& trouble : taken.troubles)
      receipt.warnings.push_back(fmt::format("not all that waits could be taken: {}", trouble));
    for (const auto& header : taken.segments) {
      if (header.segment == segment) receipt.outcome = PushOutcome::stored;
      receipt.archived.push_back(header);
    }
  } catch (const std::exception& error) {
    receipt.warnings.push_back(fmt::format("{} is kept, but whether it fills a gap could not be seen to: {}",
                                           segment.name(archive_->identity().wal_segment_size),
                                           error.what()));
  }
}

/// For one more file whose name ends so.
void PushedWal::require_room(const std::string& name, std::string_view ending, std::uint64_t bytes) const {
  std::uint64_t files = 0;
  io::for_each_below(archive_->layout().wal(), [&](const std::filesystem::directory_entry& entry) {
    if (!entry.path().filename().native().ends_with(ending)) return;
    ++files;
    std::error_code gone;
    const auto size = entry.file_size(gone);
    if (!gone) bytes += size;
  });
  if (files < limits_.most_files && bytes <= limits_.most_bytes) return;
  throw Refused(
      fmt::format("{}: {} files of that kind are kept, "
                  "and pushed_wal.most_files or pushed_wal.most_bytes allows no more. "
                  "It was not stored, and the database keeps it",
                  name, files));
}

PushReceipt PushedWal::take_backup_history(const std::string& name, const StagedFile& pushed) {
  const auto content = pushed.text();
  if (!content.starts_with("START WAL LOCATION: ") ||
      content.find("(file " + name.substr(0, kSegmentDigits) + ")") == content.npos) {
    throw Corruption(fmt::format(
        "{}: is no backup history file of that segment. Nothing was stored; push the file from pg_wal",
        name));
  }
  const auto path = archive_->layout().backup_history(name);
  {
    const WalArchiveWriter alone(*archive_);
    const auto known = io::read_file_if_exists(path, kMaxSmallWalFile);
    if (!known) {
      require_room(name, kBackupHistory, content.size());
      io::write_file_durably(path, io::as_bytes(content));
      return {};
    }
    if (io::as_text(*known) == content) {
      io::sync_directory(path.parent_path());  // seen is not durable
      return {PushOutcome::had_it, {}};
    }
  }
  return conflict(name, pushed, "is another backup history file than the one that is stored", {});
}

/// Where the timeline of a segment was left inside it: the first time, when that happened several times.
std::optional<postgres::Lsn> PushedWal::fork_in(const WalSegment& segment) const {
  const auto size = archive_->identity().wal_segment_size;
  std::optional<postgres::Lsn> fork;
  for (const auto& [timeline, history] : archive_->inventory().histories) {
    const auto left = history.end_of(segment.timeline);
    if (!left || *left <= segment.begin(size) || *left > segment.end(size)) continue;
    if (!fork || *left < *fork) fork = left;
  }
  return fork;
}

void PushedWal::check_pages(const std::string& name, const WalSegment& segment, const StagedFile& pushed,
                            std::uint64_t bytes) const {
  const auto& identity = archive_->identity();
  postgres::WalSegmentChecker checker(segment, identity.wal_segment_size, identity.system,
                                      identity.major_version, require_history(name, segment.timeline));
  io::ByteVector page(postgres::kWalBlockBytes);
  try {
    for (std::uint64_t at = 0; at < bytes; at += page.size()) {
      pushed.file().read_exactly_at(page, at);
      checker.feed(page);
    }
  } catch (const Corruption& error) {
    throw Corruption(fmt::format("{}: was pushed, but not stored: {}", name, error.what()));
  }
}

/// Behind the fork there is nothing but what the standby had in a recycled file, so only what is before it is
/// looked at: its pages, and whether it is what is known of that segment.
PushReceipt PushedWal::take_partial(const std::string& name, const StagedFile& pushed) {
  const auto size = archive_->identity().wal_segment_size;
  const auto segment = segment_of_wal_file(name, size).value();
  const auto fork = fork_in(segment);
  if (!fork) {
    throw Refused(
        fmt::format("{}: no timeline is known here that began in that segment. Nothing was stored; "
                    "push the history file of the timeline that followed first, "
                    "from the server's pg_wal (PostgreSQL does that by itself)",
                    name));
  }
  const auto used = *fork - segment.begin(size);
  check_pages(name, segment, pushed, used);
  // Before anything is looked at: the same file may be pushed by another process now.
  std::optional<WalArchiveWriter> writer(*archive_);
  io::FileSource before_the_fork(pushed.file());
  auto at = archive_->contradicts_partial(segment, before_the_fork, used);
  const auto archived = compare_with_stored(*archive_, segment.name(size), pushed, used);
  const auto known = compare_with_stored(*archive_, name, pushed, used);
  if (!at) at = archived.differs_at ? archived.differs_at : known.differs_at;
  if (at) {
    writer.reset();  // another is made to keep it aside
    return conflict(
        name, pushed,
        fmt::format("differs at {} from what is stored of it", (segment.begin(size) + *at).to_string()),
        range_of(segment));
  }
  const bool had_it = known.is_there && !known.damage;
  if (!known.is_there) require_room(name, kLastSegment, pushed.bytes());
  if (!had_it) pushed.keep_compressed(archive_->layout().pushed_partial(segment, size));
  writer->sync_name(segment);
  PushReceipt receipt{had_it ? PushOutcome::had_it : PushOutcome::stored, {}};
  if (archived.damage)
    receipt.warnings.push_back(fmt::format("the segment in the archive is damaged: {}", *archived.damage));
  if (known.damage)
    receipt.warnings.push_back(fmt::format("took the place of a damaged file: {}", *known.damage));
  return receipt;
}

PushReceipt PushedWal::conflict(const std::string& name, const StagedFile& pushed, const std::string& how,
                                const std::optional<WalRange>& range) {
  if (conflicts_.is_settled(name, pushed.sha256())) return {PushOutcome::settled, {}};
  const auto server = archive_->layout().root().filename().native();
  const auto cause = fmt::format("{} was pushed and {} (SHA-256 {})", name, how, pushed.sha256());
  std::string kept;
  // On a full disk, say: that it is refused must be said nevertheless.
  try {
    Event event{io::now(), EventKind::conflict, cause, range};
    if (conflicts_.keep_aside(name, pushed)) {
      kept =
          fmt::format("it is kept aside; `pgkeep wal-conflicts {} {}` shows it and settles it", server, name);
    } else {
      kept = fmt::format("it could not be kept aside too, so many are; `pgkeep wal-conflicts {}` shows them",
                         server);
      // Always the same words: a pusher of ever other bytes must not fill the journal.
      event.cause = fmt::format("WAL was pushed that differs from what is stored, and {}", kept);
      event.range.reset();
    }
    EventJournal(archive_->layout()).append(event);
  } catch (const StorageError& error) {
    kept = fmt::format("it could not be kept aside or recorded: {}", error.what());
  }
  throw Refused(fmt::format("{}. Nothing that is stored was changed; {}", cause, kept));
}

}  // namespace pgkeep::catalog
