#pragma once

#include <cstdint>
#include <memory>

#include "catalog/io/bytes.h"
#include "catalog/io/file.h"

namespace pgkeep::recover {

/// Memory that the kernel can write from without a copy of its own: aligned as every disk wants it. Fixed in
/// size, to be used for one file after the other.
class WriteBuffer {
 public:
  static constexpr std::size_t kBytes = 1u << 20;
  static constexpr std::size_t kAlignment = 4096;
  WriteBuffer();
  io::ByteSpan bytes() const { return {bytes_.get(), kBytes}; }

 private:
  struct Free {
    void operator()(std::byte* bytes) const noexcept;
  };
  std::unique_ptr<std::byte, Free> bytes_;
};

/// Writes one new file in large pieces. A large file goes past the page cache where the file system allows it
/// (O_DIRECT): it need not fit there, does not push out what others read, and is on the disk when it is
/// written. One thread. Borrows file and buffer.
class FileSink final : public io::ByteSink {
 public:
  /// Room for `size` bytes is taken at once; throws StorageError when there is none.
  FileSink(io::File& file, WriteBuffer& buffer, std::uint64_t size);
  void write(io::ByteView bytes) override;
  /// What is left in the buffer. Nothing may be written after it.
  void finish();
  std::uint64_t written() const noexcept { return written_; }

 private:
  void flush();

  io::File* file_;
  io::ByteSpan buffer_;
  std::size_t filled_ = 0;
  bool direct_ = false;
  std::uint64_t written_ = 0;
};

}  // namespace pgkeep::recover
