#pragma once

#include <cstdint>
#include <string>

#include "catalog/io/bytes.h"

namespace pgkeep::recover {

/// Writes a tar stream for `tar -x` at the other end: ustar, with GNU long names ('L', 'K') where a name or link target is
/// too long, base-256 sizes from 8 GiB on. Borrows out. One thread.
class TarWriter {
 public:
  explicit TarWriter(io::ByteSink& out) : out_(&out) {}
  void directory(const std::string& path, std::uint32_t mode, std::int64_t modified);
  void symlink(const std::string& path, const std::string& target);
  void begin_file(const std::string& path, std::uint64_t size, std::uint32_t mode, std::int64_t modified);
  /// All calls together bring the size announced.
  void data(io::ByteView bytes);
  void end_file();
  void finish();  // the trailer

 private:
  void header(char type, const std::string& path, std::uint64_t size, std::uint32_t mode, std::int64_t modified,
              const std::string& link);
  io::ByteSink* out_;
  std::uint64_t size_ = 0;
  std::uint64_t left_ = 0;
};

}  // namespace pgkeep::recover
