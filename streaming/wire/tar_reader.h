#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "catalog/io/bytes.h"

namespace pgkeep::streaming {

/// One member of a tar stream.
struct TarEntry {
  enum class Type { file, directory };
  Type type = Type::file;
  std::string path;  // normalised: no "./", no trailing '/'; empty for the root itself
  std::uint64_t size = 0;
  std::uint32_t mode = 0;
  std::int64_t modified = 0;
};

class TarSink {
 public:
  virtual ~TarSink() = default;
  virtual void entry(const TarEntry& entry) = 0;
  virtual void data(io::ByteView bytes) = 0;  // of the file last announced
  virtual void end_of_file() = 0;             // once for each file, empty ones included
};

/// Parses the tar dialect of BASE_BACKUP, pushed in pieces of any size; memory is one header.
///
/// PostgreSQL's streams are plain ustar without extensions: numbers in octal or base 256, names up to 99
/// bytes, no trailer before version 15. A server is not trusted: absolute names, "..", empty components,
/// other types (links, devices) and bad header checksums throw ProtocolError. One thread. Borrows the sink.
class TarReader {
 public:
  explicit TarReader(TarSink& sink) : sink_(&sink) {}
  void feed(io::ByteView bytes);
  /// The archive must not end inside a member.
  void finish();

 private:
  void parse_header();

  TarSink* sink_;
  std::array<std::byte, 512> header_{};
  std::size_t header_filled_ = 0;
  std::uint64_t body_left_ = 0;
  std::uint64_t padding_left_ = 0;
  bool trailer_ = false;
};

}  // namespace pgkeep::streaming
