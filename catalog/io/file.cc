#include "catalog/io/file.h"

#include <cerrno>
#include <fcntl.h>
#include <poll.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>
#include <sys/stat.h>

#include "catalog/io/disk_space.h"
#include "catalog/io/error.h"
#include "catalog/io/no_links.h"

namespace pgkeep::io {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const fs::path& path, std::string_view what) {
  const int cause = errno;
  throw StorageError(cause, path, what);
}

/// Calls again while a signal interrupts.
template <typename Call>
auto uninterrupted(Call&& call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

UniqueFd open_descriptor(const fs::path& path, int flags) {
  return open_without_links(AT_FDCWD, path, flags);
}

/// Nothing, with errno, when it cannot be created. `base` as for open_without_links().
UniqueFd create_descriptor(int base, const fs::path& path, mode_t mode) {
  const auto place = place_without_links(base, path);
  if (!place.directory) return {};
  UniqueFd fd(uninterrupted([&] {
    return ::openat(place.directory.get(), place.name.c_str(),
                    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
  }));
  if (!fd) return fd;
  if (!give_to_owner_of(place.directory.get(), fd.get())) fail(path, "set the owner");
  if (::fchmod(fd.get(), mode) != 0) fail(path, "set the mode");  // the umask has cut what openat() set
  return fd;
}

/// The directory of the path; throws when it cannot be reached. `what` is the step, as for StorageError.
PlaceInDirectory require_place(const fs::path& path, std::string_view what) {
  auto place = place_without_links(AT_FDCWD, path);
  if (!place.directory) fail(path, what);
  return place;
}

struct stat status_of(int fd, const fs::path& path) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) fail(path, "read the size");
  return status;
}

void require_regular(int fd, const fs::path& path) {
  const auto mode = status_of(fd, path).st_mode;
  if (S_ISREG(mode)) return;
  throw StorageError(S_ISDIR(mode) ? EISDIR : EINVAL, path, "use what is no regular file");
}

fs::path parent_of(const fs::path& path) {
  const auto parent = path.parent_path();
  return parent.empty() ? fs::path(".") : parent;
}

/// One write that makes progress; returns how much was written.
std::size_t write_some(int fd, ByteView bytes, const fs::path& path) {
  while (true) {
    const auto n = ::write(fd, bytes.data(), bytes.size());
    if (n > 0) return static_cast<std::size_t>(n);
    if (n == 0) throw StorageError(EIO, path, "write");
    if (errno == EAGAIN) {  // a pipe that another process has made non-blocking
      pollfd ready{.fd = fd, .events = POLLOUT, .revents = 0};
      if (::poll(&ready, 1, -1) < 0 && errno != EINTR) fail(path, "wait to write");
    } else if (errno != EINTR) {
      fail(path, "write");
    }
  }
}

}  // namespace

File File::open_to_read(const fs::path& path) {
  // O_NONBLOCK means nothing to a regular file; without it a FIFO under the name would hang us.
  auto fd = open_descriptor(path, O_RDONLY | O_NONBLOCK);
  if (!fd) fail(path, "open");
  require_regular(fd.get(), path);
  return {std::move(fd), path};
}

File File::open_to_change(const fs::path& path) {
  auto fd = open_descriptor(path, O_RDWR | O_NONBLOCK);
  if (!fd) fail(path, "open to change it");
  require_regular(fd.get(), path);
  return {std::move(fd), path};
}

File File::create(const fs::path& path, mode_t mode) {
  auto fd = create_descriptor(AT_FDCWD, path, mode);
  if (!fd) fail(path, "create");
  return {std::move(fd), path};
}

File File::create_below(int directory, const fs::path& below, fs::path shown, mode_t mode) {
  auto fd = create_descriptor(directory, below, mode);
  if (!fd) fail(shown, "create");
  return {std::move(fd), std::move(shown)};
}

File File::open_or_create(const fs::path& path, mode_t mode) {
  while (true) {
    auto fd = open_descriptor(path, O_RDWR | O_NONBLOCK);
    if (!fd && errno == ENOENT) {
      fd = create_descriptor(AT_FDCWD, path, mode);
      if (!fd && errno == EEXIST) continue;  // another process was faster
    }
    if (!fd) fail(path, "open or create");
    require_regular(fd.get(), path);
    return {std::move(fd), path};
  }
}

std::uint64_t File::size() const {
  return static_cast<std::uint64_t>(status_of(fd(), path_).st_size);
}

std::size_t File::read_at(ByteSpan into, std::uint64_t offset) const {
  std::size_t done = 0;
  while (done < into.size()) {
    const auto n = uninterrupted([&] {
      return ::pread(fd(), into.data() + done, into.size() - done, static_cast<off_t>(offset + done));
    });
    if (n < 0) {
      const int cause = errno;
      throw StorageError(cause, path_, fmt::format("read at offset {}", offset + done));
    }
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
  }
  return done;
}

void File::read_exactly_at(ByteSpan into, std::uint64_t offset) const {
  const auto n = read_at(into, offset);
  if (n == into.size()) return;
  throw Corruption(fmt::format("{}: ends at offset {}, where {} bytes more are expected; the file was cut",
                               path_.native(), offset + n, into.size() - n));
}

void File::write_at(ByteView bytes, std::uint64_t offset) {
  while (!bytes.empty()) {
    const auto n =
        uninterrupted([&] { return ::pwrite(fd(), bytes.data(), bytes.size(), static_cast<off_t>(offset)); });
    if (n <= 0) {
      const int cause = n == 0 ? EIO : errno;
      throw StorageError(cause, path_, fmt::format("write at offset {}", offset));
    }
    bytes = bytes.subspan(static_cast<std::size_t>(n));
    offset += static_cast<std::uint64_t>(n);
  }
}

void File::append(ByteView bytes) {
  while (!bytes.empty()) bytes = bytes.subspan(write_some(fd(), bytes, path_));
}

bool File::reserve(std::uint64_t size) {
  if (uninterrupted([&] { return ::fallocate(fd(), 0, 0, static_cast<off_t>(size)); }) == 0) return true;
  if (errno == EOPNOTSUPP || errno == ENOSYS) return false;
  fail(path_, "make room for");
}

void File::sync() {
  require_synced(sync_error_ == 0 ? uninterrupted([&] { return ::fsync(fd()); }) : -1);
}

void File::sync_data() {
  require_synced(sync_error_ == 0 ? uninterrupted([&] { return ::fdatasync(fd()); }) : -1);
}

void File::require_synced(int result) {
  // The kernel reports a failed write-back once and then forgets it, pages and all: a second fsync would
  // succeed and mean nothing. So the first failure stays.
  if (sync_error_ == 0 && result != 0) sync_error_ = errno;
  if (sync_error_ == 0) return;
  throw StorageError(sync_error_, path_,
                     "sync (what was written may be lost, and syncing this open file again would not tell; "
                     "open it again, and write what is missing)");
}

void File::start_writeback(std::uint64_t offset, std::uint64_t length) const noexcept {
  ::sync_file_range(fd(), static_cast<off_t>(offset), static_cast<off_t>(length), SYNC_FILE_RANGE_WRITE);
}

void File::close() {
  if (!fd_) return;
  // Never repeated: on Linux the descriptor is gone even when close() fails.
  if (::close(fd_.release()) != 0 && errno != EINTR) fail(path_, "close");
}

namespace {

fs::path temporary_of(const fs::path& path) {
  return fs::path(path.native() + ".tmp");
}

File create_temporary(const fs::path& path, mode_t mode) {
  const auto temporary = temporary_of(path);
  remove_file(temporary);  // what a crash has left; a link planted there is removed, not followed
  return File::create(temporary, mode);
}

}  // namespace

AtomicFile::AtomicFile(fs::path path, mode_t mode)
    : path_(std::move(path)), file_(create_temporary(path_, mode)) {}

AtomicFile::~AtomicFile() {
  if (committed_) return;
  const auto place = place_without_links(AT_FDCWD, file_.path());
  if (place.directory) ::unlinkat(place.directory.get(), place.name.c_str(), 0);
}

void AtomicFile::write(ByteView bytes) {
  file_.append(bytes);
}

void AtomicFile::commit() {
  file_.sync();
  file_.close();
  rename_file(file_.path(), path_);
  committed_ = true;  // there is no temporary file any more, even if the next step fails
  sync_directory(parent_of(path_));
}

void DescriptorSink::write(ByteView bytes) {
  while (!bytes.empty()) bytes = bytes.subspan(write_some(fd_, bytes, name_));
}

void write_file_durably(const fs::path& path, ByteView content, mode_t mode) {
  AtomicFile file(path, mode);
  file.write(content);
  file.commit();
}

namespace {

ByteVector read_all_of(const File& file, std::uint64_t limit) {
  const auto size = file.size();
  if (size > limit) {
    throw Corruption(fmt::format(
        "{}: is {} bytes long, where at most {} are expected; it is damaged or no file of this kind",
        file.path().native(), size, limit));
  }
  ByteVector content(size);
  content.resize(file.read_at(content, 0));
  return content;
}

}  // namespace

ByteVector read_whole_file(const fs::path& path, std::uint64_t limit) {
  return read_all_of(File::open_to_read(path), limit);
}

std::optional<ByteVector> read_file_if_exists(const fs::path& path, std::uint64_t limit) {
  try {
    return read_whole_file(path, limit);
  } catch (const StorageError& error) {
    if (error.cause() == ENOENT) return std::nullopt;
    throw;
  }
}

void sync_directory(const fs::path& directory) {
  const auto fd = open_descriptor(directory, O_RDONLY | O_DIRECTORY);
  if (!fd) fail(directory, "open the directory");
  if (uninterrupted([&] { return ::fsync(fd.get()); }) != 0) fail(directory, "sync the directory");
}

void sync_directories(const fs::path& directory, const fs::path& top) {
  auto at = directory;
  for (; at != top && at.has_relative_path(); at = parent_of(at)) sync_directory(at);
  sync_directory(at);
}

void make_directories(const fs::path& directory, mode_t mode) {
  if (open_descriptor(directory, O_PATH | O_DIRECTORY)) return;
  if (errno == ENOTDIR) throw StorageError(ENOTDIR, directory, "use as a directory");
  if (errno != ENOENT) fail(directory, "look at the directory");
  const auto parent = parent_of(directory.has_filename() ? directory : directory.parent_path());
  make_directories(parent, mode);
  const auto place = require_place(directory, "make the directory");
  if (::mkdirat(place.directory.get(), place.name.c_str(), mode) != 0) {
    if (errno != EEXIST) fail(directory, "make the directory");
    return make_directories(directory, mode);  // another process was faster
  }
  const auto fd = open_without_links(place.directory.get(), place.name, O_RDONLY | O_DIRECTORY);
  if (!fd) fail(directory, "open the new directory");
  if (!give_to_owner_of(place.directory.get(), fd.get()))
    fail(directory, "set the owner of the new directory");
  if (::fchmod(fd.get(), mode) != 0) fail(directory, "set the mode of the new directory");
  if (uninterrupted([&] { return ::fsync(fd.get()); }) != 0) fail(directory, "sync the new directory");
  sync_directory(parent);
}

void rename_file(const fs::path& from, const fs::path& to) {
  const auto source = require_place(from, "rename");
  const auto target = require_place(to, "rename a file to this name");
  if (::renameat(source.directory.get(), source.name.c_str(), target.directory.get(), target.name.c_str()) !=
      0) {
    const int cause = errno;
    throw StorageError(cause, from, fmt::format("rename to {}", to.native()));
  }
}

void rename_durably(const fs::path& from, const fs::path& to) {
  rename_file(from, to);
  const auto target = parent_of(to);
  const auto source = parent_of(from);
  sync_directory(target);
  if (source != target) sync_directory(source);
}

bool is_there(const fs::path& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) == 0) return true;
  const int cause = errno;
  if (cause == ENOENT || cause == ENOTDIR) return false;
  throw StorageError(cause, path, "look for");
}

std::vector<fs::directory_entry> entries(const fs::path& directory) {
  std::vector<fs::directory_entry> found;
  std::error_code error;
  for (fs::directory_iterator at(directory, error), end; !error && at != end; at.increment(error))
    found.push_back(*at);
  if (error && error != std::errc::no_such_file_or_directory)
    throw StorageError(error.value(), directory, "list the directory");
  return found;
}

std::vector<fs::directory_entry> entries_there(const fs::path& directory) {
  if (!is_there(directory)) throw StorageError(ENOENT, directory, "list the directory");
  return entries(directory);
}

void for_each_below(const fs::path& directory, const std::function<void(const fs::directory_entry&)>& visit) {
  for (const auto& entry : entries(directory)) {
    visit(entry);
    std::error_code gone;
    if (entry.symlink_status(gone).type() == fs::file_type::directory) for_each_below(entry.path(), visit);
  }
}

bool remove_file(const fs::path& path) {
  const auto place = place_without_links(AT_FDCWD, path);
  if (place.directory && ::unlinkat(place.directory.get(), place.name.c_str(), 0) == 0) return true;
  if (errno == ENOENT) return false;
  fail(path, "remove");
}

void remove_tree(const fs::path& directory) {
  // "LINK/" would name what the link points at.
  const auto& root = directory.has_filename() ? directory : directory.parent_path();
  if (!place_without_links(AT_FDCWD, root).directory && errno != ENOENT) fail(root, "remove the tree");
  try {
    fs::remove_all(root);  // descends with openat and O_NOFOLLOW
  } catch (const fs::filesystem_error& error) {
    throw StorageError(error.code().value(), error.path1().empty() ? root : error.path1(), "remove the tree");
  }
}

std::uint64_t free_space(const fs::path& directory) {
  return disk_space(directory).free;
}

}  // namespace pgkeep::io
