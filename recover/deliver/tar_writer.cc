#include "recover/deliver/tar_writer.h"

#include <array>
#include <cstring>
#include <span>

#include <fmt/format.h>

#include "catalog/io/error.h"

namespace pgkeep::recover {
namespace {

constexpr std::size_t kBlock = 512;
constexpr std::size_t kNameBytes = 100;
constexpr char kFile = '0';
constexpr char kSymlink = '2';
constexpr char kDirectory = '5';
constexpr char kLongName = 'L';
constexpr char kLongLink = 'K';

constexpr std::array<std::byte, kBlock> kZeroes{};

/// POSIX.1-1988 "ustar": the fields that we fill; the others are zero.
struct Field {
  std::size_t offset;
  std::size_t size;
};
constexpr Field kName{0, kNameBytes};
constexpr Field kMode{100, 8};
constexpr Field kUid{108, 8};
constexpr Field kGid{116, 8};
constexpr Field kSize{124, 12};
constexpr Field kModified{136, 12};
constexpr Field kChecksum{148, 8};
constexpr std::size_t kType = 156;
constexpr Field kLink{157, kNameBytes};
constexpr Field kMagic{257, 8};

class HeaderBlock {
 public:
  void put(Field field, std::string_view text) {
    std::memcpy(bytes_.data() + field.offset, text.data(), std::min(text.size(), field.size));
  }
  void put(std::size_t offset, char c) { bytes_[offset] = static_cast<std::byte>(c); }

  /// Octal digits and a NUL, or, where that is too short, base 256 with the highest bit of the field set.
  void put_number(Field field, std::uint64_t value) {
    const auto digits = field.size - 1;
    if (value >> (3 * digits) == 0) {
      put(field, fmt::format("{:0{}o}", value, digits));
      return;
    }
    for (std::size_t i = 0; i < field.size; ++i) {
      const auto shift = 8 * (field.size - 1 - i);
      bytes_[field.offset + i] = static_cast<std::byte>(shift < 64 ? value >> shift : 0);
    }
    bytes_[field.offset] |= std::byte{0x80};
  }

  /// Last: the sum of all bytes, its own field taken as blanks.
  io::ByteView finish() {
    put(kChecksum, "        ");
    unsigned sum = 0;
    for (const auto byte : bytes_) sum += static_cast<unsigned>(byte);
    put(kChecksum, fmt::format("{:06o}", sum));
    bytes_[kChecksum.offset + 6] = std::byte{0};
    return bytes_;
  }

 private:
  std::array<std::byte, kBlock> bytes_{};
};

}  // namespace

void TarWriter::directory(const std::string& path, std::uint32_t mode, std::int64_t modified) {
  header(kDirectory, path.ends_with('/') ? path : path + "/", 0, mode, modified, "");
}

void TarWriter::symlink(const std::string& path, const std::string& target) {
  constexpr std::uint32_t kLinkMode = 0777;
  header(kSymlink, path, 0, kLinkMode, 0, target);
}

void TarWriter::begin_file(const std::string& path, std::uint64_t size, std::uint32_t mode,
                           std::int64_t modified) {
  header(kFile, path, size, mode, modified, "");
  path_ = path;
  size_ = size;
  left_ = size;
}

void TarWriter::data(io::ByteView bytes) {
  if (bytes.size() > left_) throw Error(fmt::format("{}: more than the {} bytes announced", path_, size_));
  out_->write(bytes);
  left_ -= bytes.size();
}

void TarWriter::end_file() {
  if (left_ != 0) throw Error(fmt::format("{}: {} of {} bytes did not come", path_, left_, size_));
  pad(size_);
}

void TarWriter::finish() {
  out_->write(kZeroes);
  out_->write(kZeroes);
}

void TarWriter::header(char type, const std::string& path, std::uint64_t size, std::uint32_t mode,
                       std::int64_t modified, const std::string& link) {
  if (link.size() > kNameBytes) long_name(kLongLink, link);
  if (path.size() > kNameBytes) long_name(kLongName, path);
  HeaderBlock block;
  block.put(kName, path);
  block.put_number(kMode, mode);
  block.put_number(kUid, 0);
  block.put_number(kGid, 0);
  block.put_number(kSize, size);
  block.put_number(kModified, modified < 0 ? 0 : static_cast<std::uint64_t>(modified));
  block.put(kType, type);
  block.put(kLink, link);
  block.put(kMagic, std::string_view("ustar\00000", 8));
  out_->write(block.finish());
}

/// A file of its own, whose content is the name of the next one, with a NUL.
void TarWriter::long_name(char type, const std::string& name) {
  HeaderBlock block;
  block.put(kName, "././@LongLink");
  block.put_number(kMode, 0);
  block.put_number(kUid, 0);
  block.put_number(kGid, 0);
  block.put_number(kSize, name.size() + 1);
  block.put_number(kModified, 0);
  block.put(kType, type);
  block.put(kMagic, std::string_view("ustar\00000", 8));
  out_->write(block.finish());
  out_->write(std::as_bytes(std::span(name.c_str(), name.size() + 1)));
  pad(name.size() + 1);
}

void TarWriter::pad(std::uint64_t size) {
  const auto over = static_cast<std::size_t>(size % kBlock);
  if (over != 0) out_->write(io::ByteView(kZeroes).first(kBlock - over));
}

}  // namespace pgkeep::recover
