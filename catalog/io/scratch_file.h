#pragma once

#include "catalog/io/file.h"

namespace pgkeep::io {

/// A file without a name, for what is too much for memory and is needed by nobody else: nothing is left of
/// it, however the process ends. Written at its end, read anywhere. One thread at a time.
class ScratchFile final : public ByteSink {
 public:
  /// It lies on the file system of `path`, which must not exist and is its name for a moment.
  explicit ScratchFile(const std::filesystem::path& path);
  void write(ByteView bytes) override;
  std::uint64_t size() const noexcept { return written_ + buffer_.size(); }
  /// All that was written.
  const File& file();

 private:
  File file_;
  std::uint64_t written_ = 0;
  ByteVector buffer_;  // what comes after that
};

}  // namespace pgkeep::io
