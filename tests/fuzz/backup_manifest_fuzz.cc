#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/postgres/backup_manifest.h"
#include "catalog/store/backup_writer.h"
#include "catalog/store/repository.h"
#include "catalog/verify/manifest_meaning.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/memory_folder.h"

// A backup arrives, and after it a manifest of which something was changed on the way, with a checksum that
// fits again. It is refused by Corruption, or contradicts what arrived, or says the same as the sound one: of
// each file, of the system, and of the WAL of the backup.

namespace {

using namespace pgkeep;
using fuzz::require;
using postgres::Lsn;
using postgres::ManifestFile;
using postgres::ManifestWalRange;
using postgres::TimelineId;

constexpr postgres::SystemIdentifier kSystem{7400000000000000001};

/// All that a manifest says which matters here.
struct Meaning {
  int version = 0;
  std::optional<postgres::SystemIdentifier> system;
  std::vector<ManifestWalRange> ranges;
  std::vector<ManifestFile> files;
};

bool same_file(const ManifestFile& a, const ManifestFile& b) {
  return a.path == b.path && a.size == b.size && a.checksum_algorithm == b.checksum_algorithm &&
         a.checksum == b.checksum;
}

bool same_ranges(const std::vector<ManifestWalRange>& a, const std::vector<ManifestWalRange>& b) {
  return std::ranges::equal(a, b, [](const auto& one, const auto& other) {
    return one.timeline == other.timeline && one.start == other.start && one.end == other.end;
  });
}

/// The files in any order.
bool same_meaning(const Meaning& a, const Meaning& b) {
  return a.system == b.system && a.files.size() == b.files.size() &&
         std::ranges::is_permutation(a.files, b.files, same_file) && same_ranges(a.ranges, b.ranges);
}

std::string write(const Meaning& meaning) {
  io::MemorySink text;
  postgres::ManifestWriter writer(text, meaning.version, meaning.system.value_or(kSystem));
  for (const auto& file : meaning.files) writer.file(file);
  writer.finish(meaning.ranges);
  return std::string(io::as_text(text.bytes()));
}

std::optional<Meaning> read(std::string_view text) {
  io::MemorySource source(io::as_bytes(text));
  Meaning meaning;
  try {
    auto summary = postgres::read_manifest(
        source, [&](ManifestFile&& file) { meaning.files.push_back(std::move(file)); });
    require(summary.file_count == meaning.files.size(), "another number of files");
    meaning.version = summary.version;
    meaning.system = summary.system;
    meaning.ranges = std::move(summary.wal_ranges);
  } catch (const Corruption&) {
    return std::nullopt;
  }
  for (const auto& file : meaning.files) {
    const auto framed = "/" + file.path + "/";
    require(framed.find("/../") == framed.npos && framed.find("//") == framed.npos &&
                framed.find('\0') == framed.npos,
            "a path that leads elsewhere");
  }
  return meaning;
}

/// A fuzzer does not find digests: the last line gets the one of the lines before it.
std::string with_checksum(std::string text) {
  constexpr std::string_view kItem = "\"Manifest-Checksum\": \"";
  const auto at = text.rfind(kItem);
  if (at == text.npos || text.size() < at + kItem.size() + 64) return text;
  const auto line = text.rfind('\n', at);
  io::Sha256 digest;
  digest.update(io::as_bytes(std::string_view(text).substr(0, line == text.npos ? 0 : line + 1)));
  return text.replace(at + kItem.size(), 64, io::to_hex(digest.finish()));
}

/// What the server sends, and what is known of it from elsewhere.
class Sent {
 public:
  explicit Sent(fuzz::Input& input) {
    const auto flags = input.byte();
    record.system = kSystem;
    record.major_version = (flags & 1) != 0 ? 18 : 13;
    record.start = {TimelineId(1 + input.byte() % 4), Lsn(input.long_number() >> 1)};
    record.end = {record.start.timeline, record.start.lsn + input.word()};
    meaning.version = record.major_version == 18 ? 2 : 1;
    if (meaning.version == 2) meaning.system = kSystem;
    if ((flags & 2) != 0) {
      const auto passed = record.end.lsn;
      meaning.ranges.push_back({record.start.timeline, record.start.lsn, passed});
      record.end = {TimelineId(record.start.timeline.value() + 1 + input.byte() % 2), passed + input.word()};
      meaning.ranges.insert(meaning.ranges.begin(), {record.end.timeline, passed, record.end.lsn});
      line = postgres::TimelineHistory::parse(
          record.end.timeline,
          fmt::format("{}\t{}\tpromoted\n", record.start.timeline.to_string(), passed.to_string()));
    } else {
      meaning.ranges.push_back({record.start.timeline, record.start.lsn, record.end.lsn});
      line = postgres::TimelineHistory(record.end.timeline);
    }
    for (int i = 0; i <= flags >> 6; ++i) {
      contents.push_back(input.text(input.byte() % 32));
      const auto crc = io::crc32c(io::as_bytes(contents.back()));
      meaning.files.push_back({.path = fmt::format("{}.{}", input.byte() % 2 == 0 ? "global/1" : "b\xff", i),
                               .size = contents.back().size(),
                               .last_modified = "2026-11-20 12:00:00 GMT",
                               .checksum_algorithm = "CRC32C",
                               .checksum = postgres::crc32c_checksum_text(crc)});
    }
  }

  Meaning meaning;
  std::vector<std::string> contents;  // of its files
  store::BackupRecord record{store::BackupId(io::TimePoint(std::chrono::seconds(1'795'000'000)))};
  postgres::TimelineHistory line{TimelineId(1)};  // of the timeline on which it ended
};

/// Changes in what it says.
void change(Meaning& meaning, fuzz::Input& input) {
  auto& file = meaning.files[input.byte() % meaning.files.size()];
  auto& range = meaning.ranges[input.byte() % meaning.ranges.size()];
  switch (input.byte() % 12) {
    case 0:
      meaning.system = postgres::SystemIdentifier(kSystem.value() ^ input.long_number());
      break;
    case 1:
      range.start = Lsn(range.start.value() ^ input.word());
      break;
    case 2:
      range.end = range.end + input.word();
      break;
    case 3:
      range.timeline = TimelineId(range.timeline.value() ^ input.byte());
      break;
    case 4:
      file.size += input.long_number();
      break;
    case 5:
      file.checksum[input.byte() % file.checksum.size()] = "0123456789abcdefA"[input.byte() % 17];
      break;
    case 6:
      file.path += input.text(4);
      break;
    case 7:
      meaning.files.push_back(file);
      break;
    case 8:
      std::swap(file, meaning.files.back());
      meaning.files.pop_back();
      if (meaning.files.empty()) meaning.files.push_back({.path = "x"});
      break;
    case 9:
      file.checksum_algorithm = "SHA224";
      file.checksum.resize(56, '0');
      break;
    case 10:
      meaning.version ^= 3;
      break;
    default:
      meaning.ranges.push_back(range);
  }
}

/// Changes in its text: a byte, a piece, an item.
void change(std::string& text, fuzz::Input& input) {
  constexpr std::array<std::string_view, 8> kPieces{"\"Size\": 0, ",
                                                    "\"Path\": \"x\"",
                                                    "\"Encoded-Path\": \"62ff2e30\"",
                                                    "\\u0000",
                                                    "{\"Path\":",
                                                    "], ",
                                                    "\"Timeline\": 2, ",
                                                    "\n"};
  const auto at = input.word() % text.size();
  switch (input.byte() % 4) {
    case 0:
      text.insert(at, kPieces[input.byte() % kPieces.size()]);
      break;
    case 1:
      text.erase(at, input.byte() % 64);
      break;
    case 2:
      text.insert(at, input.text(input.byte() % 8));
      break;
    default:
      text[at] = static_cast<char>(input.byte());
  }
}

/// As a backup takes it: nothing when it accepts the manifest.
std::optional<std::string> objection(const Sent& sent, std::string_view manifest) {
  static const auto repository = store::Repository::open_or_create(fuzz::memory_folder() / "repository");
  static const auto layout = [&] {
    auto main = repository.server("main");
    main.make();
    return main;
  }();
  store::BackupWriter writer(repository, layout, sent.record.id, nullptr,
                             {.compression_level = 1, .workers = 1});
  for (std::size_t i = 0; i < sent.contents.size(); ++i) {
    writer.begin_file(sent.meaning.files[i].path, sent.contents[i].size(), 0600, 0);
    writer.file_data(io::as_bytes(sent.contents[i]));
    writer.end_file();
  }
  writer.finish_files();
  try {
    writer.manifest_data(io::as_bytes(manifest));
    const auto comparison = writer.finish_manifest();
    if (comparison.problem_count != 0) return comparison.problems.front();
    const auto found = catalog::contradictions(comparison.summary, sent.record, sent.line);
    return found.empty() ? std::nullopt : std::optional(found.front());
  } catch (const Corruption& refused) {
    return refused.what();
  }
}

/// What objection() asks of all but the files, alone.
void check_summary(const Sent& sent, Meaning said) {
  const auto found = catalog::contradictions(
      {.version = said.version, .system = said.system, .wal_ranges = said.ranges}, sent.record, sent.line);
  said.files = sent.meaning.files;
  require(!found.empty() || same_meaning(sent.meaning, said), "a false manifest is accepted");
  if (said.system == sent.meaning.system && same_ranges(said.ranges, sent.meaning.ranges))
    require(found.empty(), "a sound manifest contradicts its backup");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const auto kind = input.byte();
  if (kind % 8 == 7) {
    read(with_checksum(input.text(size)));
    return 0;
  }
  const Sent sent(input);
  const auto sound = write(sent.meaning);
  const auto again = read(sound);
  require(again && same_meaning(sent.meaning, *again) && write(*again) == sound,
          "a manifest does not come back");

  auto meaning = sent.meaning;
  if ((kind & 0x10) != 0) change(meaning, input);
  auto text = write(meaning);
  if ((kind & 0x20) != 0)
    while (!input.empty() && !text.empty()) change(text, input);
  text = with_checksum(std::move(text));

  const auto read_back = read(text);
  if (kind % 8 == 0) {  // seldom: it takes long
    const auto objected = objection(sent, text);
    require(!objected || text != sound, "a sound manifest is refused");
    require(objected || (read_back && same_meaning(sent.meaning, *read_back)),
            "a false manifest is accepted");
  }
  if (read_back) check_summary(sent, *read_back);
  return 0;
}
