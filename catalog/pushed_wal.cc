#include "catalog/pushed_wal.h"

#include <algorithm>
#include <array>
#include <exception>

#include <fmt/format.h>

#include "catalog/io/compare.h"
#include "catalog/io/error.h"
#include "catalog/io/hashing.h"
#include "catalog/io/lock.h"
#include "catalog/postgres/number.h"
#include "catalog/postgres/wal_page.h"
#include "catalog/server_catalog.h"
#include "catalog/stored_wal.h"
#include "catalog/stream_state.h"
#include "catalog/wal_continuity.h"

namespace pgkeep::catalog {
namespace {

using postgres::WalFileKind;
using postgres::WalSegment;

constexpr std::size_t kSegmentDigits = 24;
constexpr std::size_t kOffsetDigits = 8;

constexpr std::array<std::string_view, 3> kOutcomes{"stored", "had_it", "settled"};

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

PushReceipt had_it() {
  return {PushOutcome::had_it, {}};
}

/// Whether the stream goes on, or did a short while ago: one that is broken off is tried again, by this
/// receiver or by the next, and mostly goes on where it was.
bool is_live(const store::ServerLayout& layout, const StreamState& stream) {
  if (stream.phase == StreamPhase::stopped) return false;
  if (stream.phase == StreamPhase::streaming && io::FileLock::holder(layout.receiver_lock())) return true;
  return io::now() - std::max(stream.started, stream.last_message.value_or(stream.started)) <
         PushedWal::kLiveTime;
}

/// Where the WAL ends that was received last.
std::optional<postgres::WalPosition> received_to(const WalArchive& archive, const StreamState& stream) {
  if (stream.flushed) return stream.flushed;
  // A receiver that was just started.
  const auto known = archive.inventory();
  const auto timeline = newest_timeline(known);
  if (!timeline) return std::nullopt;
  postgres::WalPosition end{*timeline, postgres::Lsn()};
  const auto size = archive.identity().wal_segment_size;
  for (const auto& segment : known.segments) {
    if (segment.timeline == *timeline) end.lsn = std::max(end.lsn, segment.end(size));
  }
  for (const auto& segment : known.partials) {
    if (segment.timeline == *timeline) end.lsn = std::max(end.lsn, archive.partial_end(segment));
  }
  return end;
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
  const auto pushed =
      StagedFile::receive(archive_->layout(), content, is_small ? kMaxSmallWalFile : size.bytes());
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
      "{}: the history of timeline {} is not here, and without it that WAL cannot be checked. Nothing was "
      "stored; push {} first, from the server's pg_wal (PostgreSQL does that by itself)",
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
  OfferedSegment offered;
  try {
    offered = archive_->add_segment(pushed.file(), segment, line);
  } catch (const Corruption& error) {
    throw Corruption(fmt::format("{}: was pushed, but not stored: {}", name, error.what()));
  }
  if (offered.differs_at) {
    return conflict(name, pushed,
                    fmt::format("differs at {} from {}", offered.differs_at->to_string(),
                                offered.was_there ? "the segment in the archive"
                                                  : "what was received of it by the stream"),
                    range_of(segment));
  }
  if (offered.was_there) return had_it();
  PushReceipt receipt;
  const auto trouble = note_in_index(archive_->layout(), [&](ServerCatalog& index) {
    index.add_segment(describe_segment(archive_->layout(), offered.header));
  });
  if (trouble)
    receipt.warnings.push_back(
        fmt::format("the index was not updated, but {} is archived: {}", name, *trouble));
  return receipt;
}

/// A copy of the cluster that was promoted, with the archive_command of the original, would make the stream's
/// own timeline one that was left. After a failover the stream soon goes on on the new timeline, or has
/// nothing to say any more; until then the file waits where it comes from.
void PushedWal::refuse_beside_live_stream(const std::string& name,
                                          const postgres::TimelineHistory& history) const {
  const auto& layout = archive_->layout();
  const auto stream = read_stream_state(layout);
  if (!stream || !is_live(layout, *stream)) return;
  const auto received = received_to(*archive_, *stream);
  if (!received) return;
  const auto left = history.end_of(received->timeline);
  if (!left || *left >= received->lsn) return;
  // Always the same words, so that a file that is pushed again and again is one event.
  const auto cause = fmt::format(
      "{} was pushed, which leaves timeline {} at {}, while {} goes on on that timeline", name,
      received->timeline.to_string(), left->to_string(), stream->peer.empty() ? "the stream" : stream->peer);
  EventJournal(layout).append({io::now(), EventKind::split_brain, cause, {}});
  throw Refused(fmt::format(
      "{}. Nothing was stored. If it comes from a copy of the cluster, correct its archive_command; after a "
      "failover, stop the old primary: the file is accepted once no WAL has come from there for {} minutes, "
      "or as soon as the stream goes on on the new timeline",
      cause, std::chrono::duration_cast<std::chrono::minutes>(kLiveTime).count()));
}

PushReceipt PushedWal::take_history(const std::string& name, const StagedFile& pushed) {
  const auto timeline = postgres::parse_history_name(name).value();
  const auto content = pushed.text();
  const auto history = postgres::TimelineHistory::parse(timeline, content);  // throws unless it is one
  const auto known = archive_->read_history(timeline);
  const bool damaged = known && WalArchive::is_no_history(timeline, *known);
  if (known && !damaged && *known != content)
    return conflict(name, pushed, "is another history than the one that is stored", {});
  const bool was_there = known && !damaged;
  if (!was_there) refuse_beside_live_stream(name, history);
  archive_->store_history(timeline, content);
  if (was_there) return had_it();
  PushReceipt receipt;
  const auto trouble =
      note_in_index(archive_->layout(), [&](ServerCatalog& index) { index.add_history(timeline, content); });
  if (trouble)
    receipt.warnings.push_back(
        fmt::format("the index was not updated, but {} is stored: {}", name, *trouble));
  return receipt;
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
    const auto alone = archive_->lock();
    const auto known = io::read_file_if_exists(path, kMaxSmallWalFile);
    if (!known) {
      io::write_file_durably(path, io::as_bytes(content));
      return {};
    }
    if (io::as_text(*known) == content) {
      io::sync_directory(path.parent_path());  // seen is not durable
      return had_it();
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
    throw Refused(fmt::format(
        "{}: no timeline is known here that began in that segment. Nothing was stored; push the history file "
        "of the timeline that followed first, from the server's pg_wal (PostgreSQL does that by itself)",
        name));
  }
  const auto used = *fork - segment.begin(size);
  check_pages(name, segment, pushed, used);
  const auto differs_from = [&](io::ByteSource& other) {
    io::FileSource source(pushed.file());
    FirstBytes mine(source, used);
    FirstBytes theirs(other, used);
    return io::first_difference(mine, theirs);
  };
  // Before anything is looked at: the same file may be pushed by another process now.
  auto alone = archive_->lock();
  auto at = archive_->contradicts_partial(segment, pushed.file(), used);
  if (auto archived = archive_->open_segment(segment); archived && !at) at = differs_from(*archived);
  auto known = open_stored_wal(*archive_, name);
  if (known && !at) at = differs_from(*known);
  if (at) {
    alone.close();  // taken again to keep it aside
    return conflict(
        name, pushed,
        fmt::format("differs at {} from what is stored of it", (segment.begin(size) + *at).to_string()),
        range_of(segment));
  }
  if (!known) pushed.keep_compressed(archive_->layout().pushed_partial(segment, size));
  archive_->sync_name(segment);
  return known ? had_it() : PushReceipt{};
}

PushReceipt PushedWal::conflict(const std::string& name, const StagedFile& pushed, const std::string& how,
                                const std::optional<WalRange>& range) {
  if (conflicts_.is_settled(name, pushed.sha256())) return {PushOutcome::settled, {}};
  const auto server = archive_->layout().root().filename().native();
  const auto cause = fmt::format("{} was pushed and {} (SHA-256 {})", name, how, pushed.sha256());
  std::string kept;
  // On a full disk, say: that it is refused must be said nevertheless.
  try {
    kept =
        conflicts_.keep_aside(name, pushed)
            ? fmt::format("it is kept aside; `pgkeep wal-conflicts {} {}` shows it and settles it", server,
                          name)
            : fmt::format("it could not be kept aside too, so many are; `pgkeep wal-conflicts {}` shows them",
                          server);
    EventJournal(archive_->layout()).append({io::now(), EventKind::conflict, cause, range});
  } catch (const StorageError& error) {
    kept = fmt::format("it could not be kept aside or recorded: {}", error.what());
  }
  throw Refused(fmt::format("{}. Nothing that is stored was changed; {}", cause, kept));
}

}  // namespace pgkeep::catalog
