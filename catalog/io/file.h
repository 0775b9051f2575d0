#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "catalog/io/bytes.h"
#include "catalog/io/handle.h"

namespace pgkeep::io {

inline constexpr mode_t kFileMode = 0600;       // everything of the repository is readable by its owner only,
inline constexpr mode_t kDirectoryMode = 0700;  // whatever the umask of who started us

/// An open regular file and its path. Every failing call throws StorageError naming the path. Like all
/// functions of this header it follows no symbolic link (see no_links.h), and what root makes belongs to the
/// owner of the directory that it is made in.
/// Threads: read_at() may be called from several at once; everything else belongs to one.
class File {
 public:
  static File open_to_read(const std::filesystem::path& path);
  /// For reading and writing; fails when there is no such file.
  static File open_to_change(const std::filesystem::path& path);
  /// Fails when the file exists.
  static File create(const std::filesystem::path& path, mode_t mode = kFileMode);
  /// As create(), of `below` in an open directory, which it cannot leave; `shown` is path() from then on.
  static File create_below(int directory, const std::filesystem::path& below, std::filesystem::path shown,
                           mode_t mode);
  /// Opens for reading and writing, keeping what is there; makes the file when there is none.
  static File open_or_create(const std::filesystem::path& path, mode_t mode = kFileMode);

  const std::filesystem::path& path() const noexcept { return path_; }
  int fd() const noexcept { return fd_.get(); }
  std::uint64_t size() const;

  /// Bytes read; fewer than asked only at the end of the file.
  std::size_t read_at(ByteSpan into, std::uint64_t offset) const;
  /// Throws Corruption when the file ends before `into` is full.
  void read_exactly_at(ByteSpan into, std::uint64_t offset) const;
  void write_at(ByteView bytes, std::uint64_t offset);
  void append(ByteView bytes);  // at the file position
  /// Makes an empty file that long, all zeroes, with room on the disk for all of it and nothing written:
  /// false where the file system cannot. Throws StorageError, on a full disk too.
  bool reserve(std::uint64_t size);
  /// fdatasync is not enough for a file whose size changed, so this is fsync. After one failure every further
  /// call fails: what was written through this File cannot be trusted any more.
  void sync();
  /// fdatasync: quicker, since no time of change has to reach the disk; for a file that was synced whole
  /// before and whose size and blocks stay. Fails for ever like sync().
  void sync_data();
  /// Starts write-back without waiting, so that a later sync() is short. A hint: errors are left to sync().
  void start_writeback(std::uint64_t offset, std::uint64_t length) const noexcept;
  /// Must be called by who wrote; reports what the destructor cannot.
  void close();

 private:
  File(UniqueFd fd, std::filesystem::path path) : fd_(std::move(fd)), path_(std::move(path)) {}

  void require_synced(int result);

  UniqueFd fd_;
  std::filesystem::path path_;
  int sync_error_ = 0;  // errno of the sync() that failed: final
};

/// A file that appears under its final name whole and durable, or not at all:
/// written as PATH.tmp, then fsync, rename, fsync of the directory. Not committed: the temporary file goes.
class AtomicFile final : public ByteSink {
 public:
  explicit AtomicFile(std::filesystem::path path, mode_t mode = kFileMode);
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile() override;

  void write(ByteView bytes) override;
  /// Replaces what stood under the name. After it returns the content survives a power cut.
  void commit();
  File& file() { return file_; }

 private:
  std::filesystem::path path_;
  File file_;
  bool committed_ = false;
};

/// Reads a file from its start.
class FileSource final : public ByteSource {
 public:
  explicit FileSource(const File& file, std::uint64_t offset = 0) : file_(&file), offset_(offset) {}
  std::size_t read(ByteSpan into) override {
    const auto n = file_->read_at(into, offset_);
    offset_ += n;
    return n;
  }

 private:
  const File* file_;  // borrowed
  std::uint64_t offset_;
};

/// Writes to a descriptor that it borrows (standard output, a pipe), retrying short writes.
class DescriptorSink final : public ByteSink {
 public:
  DescriptorSink(int fd, std::string name) : fd_(fd), name_(std::move(name)) {}
  void write(ByteView bytes) override;

 private:
  int fd_;
  std::string name_;  // for messages
};

/// AtomicFile in one call.
void write_file_durably(const std::filesystem::path& path, ByteView content, mode_t mode = kFileMode);

/// The whole file; throws Corruption when it is larger than `limit` bytes (what a small file may be, so that
/// a damaged or hostile one cannot fill memory).
ByteVector read_whole_file(const std::filesystem::path& path, std::uint64_t limit);
/// The same, nothing when there is no such file.
std::optional<ByteVector> read_file_if_exists(const std::filesystem::path& path, std::uint64_t limit);

void sync_directory(const std::filesystem::path& directory);
/// The same for `directory` and each above it, `top` the last: makes all names durable that lead from `top`
/// to what is in `directory`.
void sync_directories(const std::filesystem::path& directory, const std::filesystem::path& top);
/// Makes the missing directories of the path, each fsynced into its parent. What is there is left as it is: a
/// process may have made it and been killed before that fsync, so what relies on it needs sync_directories().
void make_directories(const std::filesystem::path& directory, mode_t mode = kDirectoryMode);
/// What is in a directory, in no order; nothing when there is none. Throws StorageError when it cannot be
/// listed.
std::vector<std::filesystem::directory_entry> entries(const std::filesystem::path& directory);
/// The same of a directory that has to be there: one that is missing says nothing of what is in it; it may be
/// a mount point where nothing is mounted. Throws StorageError.
std::vector<std::filesystem::directory_entry> entries_there(const std::filesystem::path& directory);
/// Calls `visit` for all that is below a directory, at any depth. No symbolic link in it is followed; what
/// goes meanwhile is passed over.
void for_each_below(const std::filesystem::path& directory,
                    const std::function<void(const std::filesystem::directory_entry&)>& visit);
/// Not durable: what must have its new name after a power cut needs rename_durably.
void rename_file(const std::filesystem::path& from, const std::filesystem::path& to);
/// rename, then fsync of the directory (both, when they differ).
void rename_durably(const std::filesystem::path& from, const std::filesystem::path& to);
/// Whether anything has that name. Throws StorageError when that cannot be seen.
bool is_there(const std::filesystem::path& path);
/// unlink when there; true when it was. The directory is not synced: what must stay gone needs
/// sync_directory.
bool remove_file(const std::filesystem::path& path);
/// Removes a tree of ours; never follows symbolic links.
void remove_tree(const std::filesystem::path& directory);
/// Bytes that an unprivileged writer may still use on the file system of `directory`.
std::uint64_t free_space(const std::filesystem::path& directory);

}  // namespace pgkeep::io
