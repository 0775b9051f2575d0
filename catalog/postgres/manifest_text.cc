#include "catalog/postgres/manifest_text.h"

#include <algorithm>

#include <fmt/format.h>

#include "catalog/io/error.h"

namespace pgkeep::postgres {

namespace {

constexpr std::size_t kBlockBytes = std::size_t{64} << 10;
constexpr std::size_t kMaxLineBytes = std::size_t{1}
                                      << 20;  // a line holds one file: a path and a few numbers

}  // namespace

ManifestText::ManifestText(io::ByteSource& source) : source_(&source) {
  fill();
}

io::Sha256::Digest ManifestText::finish() {
  if (held_.empty() || held_.back() != std::byte{'\n'}) refuse("the last line is cut short");
  return sha_.finish();
}

void ManifestText::refuse(std::string_view why) const {
  throw Corruption(
      fmt::format("backup_manifest line {}: {}; take a new base backup, this one is not proven", line_, why));
}

/// Called when all of held_ has been read. With nothing more to come, held_ is the last line afterwards.
void ManifestText::fill() {
  digest_all_but_last_line();
  if (held_.size() > kMaxLineBytes) refuse("longer than any that PostgreSQL writes");
  at_ = held_.size();
  held_.resize(at_ + kBlockBytes);
  held_.resize(at_ + source_->read(io::ByteSpan(held_).subspan(at_)));
}

void ManifestText::digest_all_but_last_line() {
  if (held_.empty()) return;
  const auto final_byte = std::prev(held_.end());  // may be the newline that ends the last line
  const auto newline = std::find(std::make_reverse_iterator(final_byte), held_.rend(), std::byte{'\n'});
  const auto length = held_.rend() - newline;
  sha_.update(io::ByteView(held_).first(static_cast<std::size_t>(length)));
  held_.erase(held_.begin(), held_.begin() + length);
}

}  // namespace pgkeep::postgres
