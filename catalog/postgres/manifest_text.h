#pragma once

#include <cstddef>
#include <iterator>
#include <string_view>

#include "catalog/io/bytes.h"
#include "catalog/io/hashing.h"

namespace pgkeep::postgres {

/// The text of a backup_manifest, a character at a time, and the SHA-256 of all its lines but the last: what
/// Manifest-Checksum, which stands in the last line, must be.
///
/// Which line is the last is known only at the end, so the digest follows one line behind. At most a block
/// and a line are held. For read_manifest() alone.
class ManifestText {
 public:
  explicit ManifestText(io::ByteSource& source);  // borrows

  bool at_end() const { return at_ == held_.size(); }
  char current() const { return static_cast<char>(held_[at_]); }
  /// Not at the end. Throws Corruption when a line is longer than any that PostgreSQL writes.
  void advance() {
    if (held_[at_] == std::byte{'\n'}) ++line_;
    if (++at_ == held_.size()) fill();
  }
  /// At the end. Throws Corruption when the last line is not a whole one.
  io::Sha256::Digest finish();

  /// Throws Corruption with the line where reading stands.
  [[noreturn]] void refuse(std::string_view why) const;

 private:
  void fill();
  void digest_all_but_last_line();

  io::ByteSource* source_;
  io::ByteVector held_;  // what the digest does not have yet, up to the end of the block being read
  std::size_t at_ = 0;   // in held_
  std::size_t line_ = 1;
  io::Sha256 sha_;
};

/// What a parser reads ManifestText through: an input iterator, of which copies move together. Default-made:
/// the end.
class ManifestTextIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = char;

  ManifestTextIterator() = default;
  explicit ManifestTextIterator(ManifestText& text) : text_(&text) {}
  char operator*() const { return text_->current(); }
  ManifestTextIterator& operator++() {
    text_->advance();
    return *this;
  }
  void operator++(int) { text_->advance(); }
  bool operator==(const ManifestTextIterator& other) const { return at_end() == other.at_end(); }

 private:
  bool at_end() const { return text_ == nullptr || text_->at_end(); }
  ManifestText* text_ = nullptr;
};

}  // namespace pgkeep::postgres
