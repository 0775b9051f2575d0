#include "catalog/postgres/backup_manifest.h"

#include <algorithm>
#include <array>
#include <span>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "catalog/io/error.h"
#include "catalog/io/shown_text.h"
#include "catalog/postgres/manifest_text.h"

namespace pgkeep::postgres {

namespace {

// One for each timeline of the backup: far more than there can be, and little memory.
constexpr std::size_t kMostRanges = 1000;

struct ChecksumAlgorithm {
  std::string_view name;
  std::size_t digest_bytes;
};
constexpr std::array kChecksumAlgorithms{ChecksumAlgorithm{"CRC32C", 4}, ChecksumAlgorithm{"SHA224", 28},
                                         ChecksumAlgorithm{"SHA256", 32}, ChecksumAlgorithm{"SHA384", 48},
                                         ChecksumAlgorithm{"SHA512", 64}};

bool is_hex(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  });
}

/// True for what a file inside the data directory can be called: relative, and never upwards.
bool stays_inside(std::string_view path) {
  if (path.find('\0') != std::string_view::npos) return false;
  for (std::size_t begin = 0;;) {
    const auto slash = path.find('/', begin);
    const auto name = path.substr(begin, slash == std::string_view::npos ? slash : slash - begin);
    if (name.empty() || name == "." || name == "..") return false;
    if (slash == std::string_view::npos) return true;
    begin = slash + 1;
  }
}

// The items of the three kinds of object; each enumerator is the index of its name.
enum ManifestItem : std::size_t { kVersion, kSystem, kFiles, kRanges, kManifestChecksum };
constexpr std::array<std::string_view, 5> kManifestItems{
    "PostgreSQL-Backup-Manifest-Version", "System-Identifier", "Files", "WAL-Ranges", "Manifest-Checksum"};
enum FileItem : std::size_t { kPath, kEncodedPath, kSize, kLastModified, kAlgorithm, kChecksum };
constexpr std::array<std::string_view, 6> kFileItems{"Path",          "Encoded-Path",       "Size",
                                                     "Last-Modified", "Checksum-Algorithm", "Checksum"};
enum RangeItem : std::size_t { kTimeline, kStart, kEnd };
constexpr std::array<std::string_view, 3> kRangeItems{"Timeline", "Start-LSN", "End-LSN"};

/// The items of one object that have been seen.
class SeenItems {
 public:
  explicit SeenItems(std::span<const std::string_view> names) : names_(names) {}

  /// The index of the name; throws through `text` when it is unknown or came before.
  std::size_t add(std::string_view name, const ManifestText& text) {
    const auto found = std::ranges::find(names_, name);
    if (found == names_.end()) text.refuse(fmt::format("unknown item {}", io::in_quotes(name)));
    const auto index = static_cast<std::size_t>(found - names_.begin());
    if (has(index)) text.refuse(fmt::format("item {} a second time", io::in_quotes(name)));
    bits_ |= 1u << index;
    return index;
  }
  bool has(std::size_t index) const { return (bits_ >> index & 1u) != 0; }
  void require(std::size_t index, const ManifestText& text) const {
    if (!has(index)) text.refuse(fmt::format("item \"{}\" is missing", names_[index]));
  }
  void clear() { bits_ = 0; }

 private:
  std::span<const std::string_view> names_;
  unsigned bits_ = 0;
};

/// Takes nlohmann's events and builds what read_manifest() answers. Every event that the format has no place
/// for is refused at once, so nothing nests deeper than three levels.
class ManifestHandler {
 public:
  ManifestHandler(const ManifestText& text, const std::function<void(ManifestFile&&)>& file)
      : text_(&text), on_file_(&file) {}

  ManifestSummary take_summary() { return std::move(summary_); }
  const std::string& manifest_checksum() const { return manifest_checksum_; }

  // The parser's interface: true means continue.
  bool null() { refuse_value(); }
  bool boolean(bool) { refuse_value(); }
  bool number_integer(std::int64_t) { refuse_value(); }
  bool number_float(double, const std::string&) { refuse_value(); }
  bool binary(nlohmann::json::binary_t&) { refuse_value(); }
  bool number_unsigned(std::uint64_t value);
  bool string(std::string& value);
  bool start_object(std::size_t);
  bool key(std::string& name);
  bool end_object();
  bool start_array(std::size_t);
  bool end_array();
  bool parse_error(std::size_t, const std::string&, const nlohmann::json::exception& error) {
    text_->refuse(error.what());
  }

 private:
  enum class Place { outside, manifest, files, file, ranges, range };

  [[noreturn]] void refuse_value() const { text_->refuse("a value where the format has none of that kind"); }
  void string_in_file(std::string& value);
  void end_file();
  void end_range();
  void end_manifest() const;

  const ManifestText* text_;
  const std::function<void(ManifestFile&&)>* on_file_;
  Place place_ = Place::outside;
  std::size_t item_ = 0;  // index of the key whose value comes next
  SeenItems manifest_items_{kManifestItems};
  SeenItems file_items_{kFileItems};
  SeenItems range_items_{kRangeItems};
  ManifestFile file_;
  ManifestWalRange range_;
  ManifestSummary summary_;
  std::string manifest_checksum_;
};

bool ManifestHandler::number_unsigned(std::uint64_t value) {
  if (place_ == Place::manifest && item_ == kVersion) {
    if (value != 1 && value != 2)
      throw UnknownManifest(fmt::format("PostgreSQL's manifest: version {} is neither 1 nor 2", value));
    summary_.version = static_cast<int>(value);
  } else if (place_ == Place::manifest && item_ == kSystem) {
    summary_.system = SystemIdentifier(value);
  } else if (place_ == Place::file && item_ == kSize) {
    file_.size = value;
  } else if (place_ == Place::range && item_ == kTimeline) {
    if (value == 0 || value > UINT32_MAX) text_->refuse(fmt::format("{} is not a timeline", value));
    range_.timeline = TimelineId(static_cast<std::uint32_t>(value));
  } else {
    refuse_value();
  }
  return true;
}

bool ManifestHandler::string(std::string& value) {
  if (place_ == Place::manifest && item_ == kManifestChecksum) {
    manifest_checksum_ = std::move(value);
  } else if (place_ == Place::file) {
    string_in_file(value);
  } else if (place_ == Place::range && item_ != kTimeline) {
    const auto lsn = Lsn::parse(value);
    if (!lsn) text_->refuse(fmt::format("{} is not an LSN", io::in_quotes(value)));
    (item_ == kStart ? range_.start : range_.end) = *lsn;
  } else {
    refuse_value();
  }
  return true;
}

void ManifestHandler::string_in_file(std::string& value) {
  switch (item_) {
    case kPath:
      file_.path = std::move(value);
      break;
    case kEncodedPath:
      if (value.size() % 2 != 0 || !is_hex(value)) text_->refuse("Encoded-Path is not hexadecimal");
      file_.path.resize(value.size() / 2);
      io::from_hex(value, std::as_writable_bytes(std::span(file_.path)));
      break;
    case kLastModified:
      file_.last_modified = std::move(value);
      break;
    case kAlgorithm:
      file_.checksum_algorithm = std::move(value);
      break;
    case kChecksum:
      file_.checksum = std::move(value);
      break;
    default:
      refuse_value();
  }
}

bool ManifestHandler::start_object(std::size_t) {
  switch (place_) {
    case Place::outside:
      place_ = Place::manifest;
      break;
    case Place::files:
      place_ = Place::file;
      file_ = {};
      file_items_.clear();
      break;
    case Place::ranges:
      place_ = Place::range;
      range_ = {};
      range_items_.clear();
      break;
    default:
      refuse_value();
  }
  return true;
}

bool ManifestHandler::key(std::string& name) {
  switch (place_) {
    case Place::manifest:
      item_ = manifest_items_.add(name, *text_);
      // The version says how to read the rest, so nothing may come before it.
      manifest_items_.require(kVersion, *text_);
      break;
    case Place::file:
      item_ = file_items_.add(name, *text_);
      break;
    default:  // the parser has keys in objects only, and a range is the last kind
      item_ = range_items_.add(name, *text_);
  }
  return true;
}

bool ManifestHandler::end_object() {
  switch (place_) {
    case Place::file:
      end_file();
      place_ = Place::files;
      break;
    case Place::range:
      end_range();
      place_ = Place::ranges;
      break;
    default:
      end_manifest();
      place_ = Place::outside;
  }
  return true;
}

bool ManifestHandler::start_array(std::size_t) {
  if (place_ == Place::manifest && item_ == kFiles) {
    place_ = Place::files;
  } else if (place_ == Place::manifest && item_ == kRanges) {
    place_ = Place::ranges;
  } else {
    refuse_value();
  }
  return true;
}

bool ManifestHandler::end_array() {
  place_ = Place::manifest;
  return true;
}

void ManifestHandler::end_file() {
  if (file_items_.has(kPath) == file_items_.has(kEncodedPath)) {
    text_->refuse("a file must have one of \"Path\" and \"Encoded-Path\"");
  }
  if (!stays_inside(file_.path))
    text_->refuse(fmt::format("{} leads out of the data directory", io::in_quotes(file_.path)));
  file_items_.require(kSize, *text_);
  if (file_items_.has(kAlgorithm) != file_items_.has(kChecksum)) {
    text_->refuse("a checksum without its algorithm, or an algorithm without its checksum");
  }
  if (file_items_.has(kAlgorithm)) {
    const auto algorithm =
        std::ranges::find(kChecksumAlgorithms, file_.checksum_algorithm, &ChecksumAlgorithm::name);
    if (algorithm == kChecksumAlgorithms.end()) {
      text_->refuse(fmt::format("unknown checksum algorithm {}", io::in_quotes(file_.checksum_algorithm)));
    }
    if (file_.checksum.size() != 2 * algorithm->digest_bytes || !is_hex(file_.checksum)) {
      text_->refuse(
          fmt::format("{} is not a checksum by {}", io::in_quotes(file_.checksum), algorithm->name));
    }
  }
  ++summary_.file_count;
  (*on_file_)(std::move(file_));
}

void ManifestHandler::end_range() {
  for (std::size_t item = 0; item < kRangeItems.size(); ++item) range_items_.require(item, *text_);
  if (summary_.wal_ranges.size() == kMostRanges)
    text_->refuse(fmt::format("more than {} WAL ranges", kMostRanges));
  if (range_.end < range_.start) text_->refuse("the WAL range ends before it starts");
  summary_.wal_ranges.push_back(range_);
}

void ManifestHandler::end_manifest() const {
  for (const auto item : {kVersion, kFiles, kRanges, kManifestChecksum})
    manifest_items_.require(item, *text_);
  if (summary_.version == 2) {
    manifest_items_.require(kSystem, *text_);
  } else if (manifest_items_.has(kSystem)) {
    text_->refuse("version 1 has no \"System-Identifier\"");
  }
}

}  // namespace

ManifestSummary read_manifest(io::ByteSource& source, const std::function<void(ManifestFile&&)>& file) {
  ManifestText text(source);
  ManifestHandler handler(text, file);
  nlohmann::json::sax_parse(ManifestTextIterator(text), ManifestTextIterator(), &handler);
  if (io::to_hex(text.finish()) != handler.manifest_checksum()) {
    text.refuse("Manifest-Checksum is not that of the manifest");
  }
  return handler.take_summary();
}

}  // namespace pgkeep::postgres
