#pragma once

#include <cstdint>
#include <string>

#include "catalog/io/bytes.h"

namespace pgkeep::recover {

/// Writes a tar stream for `tar -x` at the other end: ustar, with GNU long names ('L', 'K') where a name or
/// link target is too long, base-256 numbers where one is too large (sizes from 8 GiB on). What it names
/// belongs to root, for a reader who may give files away; any other keeps them. Borrows out. One thread.
class TarWriter {
 public:
  explicit TarWriter(io::ByteSink& out) : out_(&out) {}
  void directory(const std::string& path, std::uint32_t mode, std::int64_t modified);
  void symlink(const std::string& path, const std::string& target);
  void begin_file(const std::string& path, std::uint64_t size, std::uint32_t mode, std::int64_t modified);
  /// All calls together bring the size announced; throws Error when they bring more.
  void data(io::ByteView bytes);
  /// Throws Error when less came than was announced: the stream is of no use then.
  void end_file();
  void finish();  // the trailer

 private:
  void header(char type, const std::string& path, std::uint64_t size, std::uint32_t mode,
              std::int64_t modified, const std::string& link);
  void long_name(char type, const std::string& name);
  void pad(std::uint64_t size);

  io::ByteSink* out_;
  std::string path_;  // of the file in hand, for messages
  std::uint64_t size_ = 0;
  std::uint64_t left_ = 0;
};

}  // namespace pgkeep::recover
