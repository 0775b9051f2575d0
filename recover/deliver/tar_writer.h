#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <string>

#include "catalog/io/bytes.h"

struct archive;
struct archive_entry;

namespace pgkeep::recover {

/// Writes a tar stream for `tar -x` at the other end (libarchive's "gnutar": names of any length, sizes from
/// 8 GiB on). What it names belongs to root, for a reader who may give files away; any other keeps them.
/// Borrows out, and throws what it throws. As a sink it takes the content of the file in hand. One thread.
class TarWriter final : public io::ByteSink {
 public:
  /// Small pieces are gathered until they are so many bytes; 0: none are.
  explicit TarWriter(io::ByteSink& out, std::size_t gather = 0);
  TarWriter(const TarWriter&) = delete;
  TarWriter& operator=(const TarWriter&) = delete;
  /// Without finish(): what was written is no whole tar.
  ~TarWriter() override;

  void directory(const std::string& path, std::uint32_t mode, std::int64_t modified);
  void symlink(const std::string& path, const std::string& target);
  void begin_file(const std::string& path, std::uint64_t size, std::uint32_t mode, std::int64_t modified);
  /// All calls together bring the size announced; throws Error when they bring more.
  void write(io::ByteView bytes) override;
  /// Throws Error when less came than was announced: the stream is of no use then.
  void end_file();
  void finish();  // the trailer

 private:
  struct EntryDeleter {
    void operator()(archive_entry* entry) const;
  };
  using Entry = std::unique_ptr<archive_entry, EntryDeleter>;
  Entry entry_of(const std::string& path, unsigned type, std::uint32_t mode, std::int64_t modified);
  void begin(const Entry& entry);
  void require(bool done);
  /// libarchive's, which is C: nothing may be thrown through it.
  static std::ptrdiff_t pass_on(archive* tar, void* self, const void* bytes, std::size_t size);

  io::ByteSink* out_;
  archive* tar_;
  std::exception_ptr failure_;  // of out_
  bool given_up_ = false;       // nothing more is passed on
  std::string path_;            // of the file in hand, for messages
  std::uint64_t size_ = 0;
  std::uint64_t left_ = 0;
};

}  // namespace pgkeep::recover
