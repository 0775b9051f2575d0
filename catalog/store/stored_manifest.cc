#include "catalog/store/stored_manifest.h"

#include <algorithm>

#include "catalog/io/hashing.h"

namespace pgkeep::store {
namespace {

constexpr std::uint32_t kMeanLines = 256;
constexpr std::size_t kReadBytes = 16u << 10;  // kSectionBytes and twice this are no more than a piece

/// What a line is known by: the path of its file, which stays when size and checksum change.
std::string_view key_of(std::string_view line) {
  return line.substr(0, line.find(','));
}

class ManifestCutter {
 public:
  ManifestCutter(SectionWriter& sections, const SectionList& before)
      : sections_(&sections), before_(&before) {}

  void add(std::string_view text) {
    while (!text.empty()) {
      if (bytes_.size() >= kSectionBytes) close();  // whatever a server sends as one line
      const auto end = std::min(text.find('\n'), text.size() - 1) + 1;
      line_ += text.substr(0, end);
      text.remove_prefix(end);
      if (line_.ends_with('\n') || line_.size() >= kReadBytes) take_line();
    }
  }
  SectionList finish() {
    take_line();
    close();
    return std::move(list_);
  }

 private:
  void take_line() {
    if (line_.empty()) return;
    const auto key = key_of(line_);
    if (begins_section(key, kMeanLines)) close();
    if (bytes_.empty()) first_ = key.substr(0, kMaxKeyBytes);
    bytes_ += line_;
    ++lines_;
    line_.clear();
  }
  void close() {
    if (bytes_.empty()) return;
    list_.push_back(sections_->store(std::move(first_), io::as_bytes(bytes_), lines_, *before_));
    bytes_.clear();
    lines_ = 0;
  }

  static constexpr std::size_t kMaxKeyBytes = 4096;
  SectionWriter* sections_;
  const SectionList* before_;
  SectionList list_;
  std::string line_;
  std::string first_;
  std::string bytes_;
  std::uint32_t lines_ = 0;
};

}  // namespace

StoredManifest store_manifest(io::ByteSource& manifest, SectionWriter& sections, const SectionList& before) {
  ManifestCutter cutter(sections, before);
  io::HashingSource source(manifest);
  io::ByteVector buffer(kReadBytes);
  while (const auto n = source.read(buffer)) cutter.add(io::as_text(io::ByteView(buffer).first(n)));
  return {.sections = cutter.finish(), .sha256 = source.finish()};
}

std::size_t ManifestSource::read(io::ByteSpan into) {
  while (left_.empty()) {
    if (next_ == list_->size()) return 0;
    section_ = reader_.read((*list_)[next_++]);
    left_ = *section_;
  }
  const auto n = std::min(into.size(), left_.size());
  std::copy_n(left_.begin(), n, into.begin());
  left_ = left_.subspan(n);
  return n;
}

}  // namespace pgkeep::store
