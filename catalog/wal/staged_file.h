#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "catalog/io/file.h"
#include "catalog/store/layout.h"

namespace pgkeep::catalog {

/// Bytes that came and of which it is not known yet what becomes of them: a plain file on the repository's
/// disk that has no name any more, so that it goes with its process, however that ends. One thread.
class StagedFile {
 public:
  /// Reads `content` to its end. Throws Refused when it continues past `limit` bytes; removes what a process
  /// has left that was killed before its file had lost its name.
  static StagedFile receive(const store::ServerLayout& layout, io::ByteSource& content, std::uint64_t limit);

  /// Its path names nothing: for messages.
  const io::File& file() const noexcept { return file_; }
  std::uint64_t bytes() const noexcept { return bytes_; }
  /// Of all bytes, in lower-case hexadecimal.
  const std::string& sha256() const noexcept { return sha256_; }
  /// The whole content; for small files.
  std::string text() const;
  /// Durably under `path`, as one zstd frame. The folders are made.
  void keep_compressed(const std::filesystem::path& path) const;

 private:
  explicit StagedFile(io::File file) : file_(std::move(file)) {}

  io::File file_;
  std::uint64_t bytes_ = 0;
  std::string sha256_;
};

}  // namespace pgkeep::catalog
