// The C library's calls that change files, in the place of its own: each makes the real call, and has it
// recorded when a DiskRecorder is at work and it has changed a file of the tree. What this file defines takes
// precedence in a program over the C library, for the program's own objects and, since the names are
// exported, for its libraries.
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <fcntl.h>
#include <string>
#include <string_view>
#include <unistd.h>

#include <linux/falloc.h>
#include <linux/openat2.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "tests/support/disk_recorder.h"

namespace {

using pgkeep::test::DiskRecorder;
using pgkeep::test::DiskStep;
using Held = DiskRecorder::Held;
using Kind = DiskStep::Kind;

/// The C library's own, or what a sanitizer puts before it.
template <typename Call>
Call* real(const char* name) {
  return reinterpret_cast<Call*>(::dlsym(RTLD_NEXT, name));
}

[[noreturn]] void give_up(const char* what) {
  std::fprintf(stderr, "DiskRecorder: %s is not recorded yet; teach tests/support/disk_calls.cc\n", what);
  std::abort();
}

/// Records what a call did, unless it failed; errno stays.
template <typename Result, typename Record>
Result recorded(Held& held, Result result, Record&& record) {
  if (!held || result < 0) return result;
  const int kept = errno;
  record(result);
  errno = kept;
  return result;
}

/// A call on an open file. One that is not of the tree is made without being held: it may be a pipe that
/// blocks.
template <typename Call, typename Record>
auto on_file(int fd, Call&& call, Record&& record) {
  Held held;
  const auto file = held ? held.file_of(fd) : 0;
  if (file == 0) held.release();
  return recorded(held, call(), [&](auto result) { record(held, file, result); });
}

bool is_synchronous(int fd) {
  return (::fcntl(fd, F_GETFL) & O_DSYNC) != 0;
}

void record_write(Held& held, int fd, ino_t file, off_t offset, std::string bytes, bool synchronous = false) {
  held.add({.kind = Kind::write,
            .file = file,
            .number = static_cast<std::uint64_t>(offset),
            .bytes = std::move(bytes)});
  if (synchronous || is_synchronous(fd)) held.add({.kind = Kind::sync, .file = file});
}

std::string bytes_of(const void* bytes, ssize_t size) {
  return {static_cast<const char*>(bytes), static_cast<std::size_t>(size)};
}

std::string bytes_of(const iovec* pieces, int count, ssize_t size) {
  std::string all;
  for (int i = 0; i < count; ++i) all.append(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
  all.resize(static_cast<std::size_t>(size));
  return all;
}

/// What was just put there by a call that has not the bytes itself.
std::string bytes_in(int fd, off_t offset, ssize_t size) {
  const auto path = "/proc/self/fd/" + std::to_string(fd);  // it may be open for writing alone
  const int again = real<decltype(::open)>("open")(path.c_str(), O_RDONLY | O_CLOEXEC);
  std::string bytes(static_cast<std::size_t>(size), '\0');
  if (again < 0 || ::pread(again, bytes.data(), bytes.size(), offset) != size) give_up("a copy");
  ::close(again);
  return bytes;
}

template <typename Call>
ssize_t write_at_position(int fd, Call&& call, auto&& bytes) {
  return on_file(fd, call, [&](Held& held, ino_t file, ssize_t size) {
    record_write(held, fd, file, ::lseek(fd, 0, SEEK_CUR) - size, bytes(size));
  });
}

template <typename Call>
ssize_t write_at(int fd, off_t offset, Call&& call, auto&& bytes, bool synchronous = false) {
  return on_file(fd, call, [&](Held& held, ino_t file, ssize_t size) {
    record_write(held, fd, file, offset, bytes(size), synchronous);
  });
}

template <typename Call>
int open_at(int directory, const char* path, int flags, Call&& call) {
  const bool nameless = (flags & O_TMPFILE) == O_TMPFILE;
  if ((flags & (O_CREAT | O_TRUNC)) == 0 && !nameless) return call();
  Held held;
  const auto name = held ? held.name_of(directory, path) : std::nullopt;
  if (!name && !nameless) held.release();
  const bool was_there = !nameless && held && Held::standing_at(directory, path) != 0;
  return recorded(held, call(), [&](int fd) {
    struct stat status {};
    ::fstat(fd, &status);
    if (nameless)
      held.made(Kind::make_file, status.st_ino, {});
    else if (!was_there)
      held.made(Kind::make_file, status.st_ino, name);
    else if ((flags & O_TRUNC) != 0 && held.file_of(fd) != 0)
      held.add({.kind = Kind::set_length, .file = status.st_ino, .number = 0});
  });
}

/// A call that makes something of that kind under a name.
template <typename Call>
int make_at(Kind kind, int directory, const char* path, Call&& call, std::string target = {}) {
  Held held;
  const auto name = held ? held.name_of(directory, path) : std::nullopt;
  if (!name) held.release();
  return recorded(held, call(),
                  [&](int) { held.made(kind, Held::standing_at(directory, path), name, std::move(target)); });
}

template <typename Call>
int remove_at(int directory, const char* path, Call&& call) {
  Held held;
  const auto name = held ? held.name_of(directory, path) : std::nullopt;
  if (!name) held.release();
  return recorded(held, call(),
                  [&](int) { held.add({.kind = Kind::remove, .folder = name->folder, .name = name->name}); });
}

template <typename Call>
int rename_at(int from_directory, const char* from, int to_directory, const char* to, Call&& call) {
  Held held;
  const auto source = held ? held.name_of(from_directory, from) : std::nullopt;
  const auto target = held ? held.name_of(to_directory, to) : std::nullopt;
  if (!source && !target) held.release();
  return recorded(held, call(), [&](int) {
    if (!source || !target) give_up("a rename into or out of the tree");
    held.add({.kind = Kind::rename,
              .folder = source->folder,
              .name = source->name,
              .to_folder = target->folder,
              .to_name = target->name});
  });
}

/// Whatever it is that may have changed the length.
template <typename Call>
int resize(int fd, Call&& call) {
  return on_file(fd, call, [&](Held& held, ino_t file, int result) {
    struct stat status {};
    if (result == 0 && ::fstat(fd, &status) == 0)
      held.add(
          {.kind = Kind::set_length, .file = file, .number = static_cast<std::uint64_t>(status.st_size)});
  });
}

template <typename Call>
int allocate(int fd, int mode, off_t offset, off_t length, Call&& call) {
  constexpr int kMakesZeroes = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE;
  if ((mode & ~(FALLOC_FL_KEEP_SIZE | kMakesZeroes)) != 0) give_up("this mode of fallocate()");
  if ((mode & kMakesZeroes) == 0) return resize(fd, call);
  return on_file(fd, call, [&](Held& held, ino_t file, int) {
    struct stat status {};
    ::fstat(fd, &status);
    if (const auto size = std::min(length, status.st_size - offset); size > 0)
      record_write(held, fd, file, offset, std::string(static_cast<std::size_t>(size), '\0'));
  });
}

template <typename Call>
int sync_file(int fd, Call&& call) {
  return on_file(fd, call, [](Held& held, ino_t file, int) { held.add({.kind = Kind::sync, .file = file}); });
}

}  // namespace

extern "C" {

// ---------------------------------------------------------------------------------------------- open

// These four and syscall() have arguments that are there only sometimes. Here they always are: the ABIs of
// Linux pass both in the same way, and what was not given is not looked at.
int recorded_open(const char* path, int flags, mode_t mode) __asm__("open");
int recorded_open64(const char* path, int flags, mode_t mode) __asm__("open64");
int recorded_openat(int directory, const char* path, int flags, mode_t mode) __asm__("openat");
int recorded_openat64(int directory, const char* path, int flags, mode_t mode) __asm__("openat64");
long recorded_syscall(long number, long a, long b, long c, long d, long e, long f) __asm__("syscall");

int recorded_open(const char* path, int flags, mode_t mode) {
  static const auto call = real<decltype(::open)>("open");
  return open_at(AT_FDCWD, path, flags, [&] { return call(path, flags, mode); });
}
int recorded_open64(const char* path, int flags, mode_t mode) {
  static const auto call = real<decltype(::open64)>("open64");
  return open_at(AT_FDCWD, path, flags, [&] { return call(path, flags, mode); });
}
int recorded_openat(int directory, const char* path, int flags, mode_t mode) {
  static const auto call = real<decltype(::openat)>("openat");
  return open_at(directory, path, flags, [&] { return call(directory, path, flags, mode); });
}
int recorded_openat64(int directory, const char* path, int flags, mode_t mode) {
  static const auto call = real<decltype(::openat64)>("openat64");
  return open_at(directory, path, flags, [&] { return call(directory, path, flags, mode); });
}
/// openat2() has no function of its own.
long recorded_syscall(long number, long a, long b, long c, long d, long e, long f) {
  static const auto next = real<decltype(::syscall)>("syscall");
  const auto call = [&] { return next(number, a, b, c, d, e, f); };
  if (number != SYS_openat2) return call();
  const auto* path = reinterpret_cast<const char*>(b);
  const auto* how = reinterpret_cast<const open_how*>(c);
  return open_at(static_cast<int>(a), path, static_cast<int>(how->flags),
                 [&] { return static_cast<int>(call()); });
}
int creat(const char* path, mode_t mode) {
  return open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
}
int creat64(const char* path, mode_t mode) {
  return open64(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
}

// --------------------------------------------------------------------------------------------- bytes

ssize_t write(int fd, const void* bytes, size_t size) {
  static const auto call = real<decltype(::write)>("write");
  return write_at_position(
      fd, [&] { return call(fd, bytes, size); }, [&](ssize_t n) { return bytes_of(bytes, n); });
}
ssize_t writev(int fd, const iovec* pieces, int count) {
  static const auto call = real<decltype(::writev)>("writev");
  return write_at_position(
      fd, [&] { return call(fd, pieces, count); }, [&](ssize_t n) { return bytes_of(pieces, count, n); });
}
ssize_t pwrite(int fd, const void* bytes, size_t size, off_t offset) {
  static const auto call = real<decltype(::pwrite)>("pwrite");
  return write_at(
      fd, offset, [&] { return call(fd, bytes, size, offset); },
      [&](ssize_t n) { return bytes_of(bytes, n); });
}
ssize_t pwrite64(int fd, const void* bytes, size_t size, off64_t offset) {
  return pwrite(fd, bytes, size, offset);
}
ssize_t pwritev(int fd, const iovec* pieces, int count, off_t offset) {
  static const auto call = real<decltype(::pwritev)>("pwritev");
  return write_at(
      fd, offset, [&] { return call(fd, pieces, count, offset); },
      [&](ssize_t n) { return bytes_of(pieces, count, n); });
}
ssize_t pwritev64(int fd, const iovec* pieces, int count, off64_t offset) {
  return pwritev(fd, pieces, count, offset);
}
ssize_t pwritev2(int fd, const iovec* pieces, int count, off_t offset, int flags) {
  if (offset < 0) give_up("pwritev2() at the position");
  static const auto call = real<decltype(::pwritev2)>("pwritev2");
  return write_at(
      fd, offset, [&] { return call(fd, pieces, count, offset, flags); },
      [&](ssize_t n) { return bytes_of(pieces, count, n); }, (flags & (RWF_DSYNC | RWF_SYNC)) != 0);
}
ssize_t pwritev64v2(int fd, const iovec* pieces, int count, off64_t offset, int flags) {
  return pwritev2(fd, pieces, count, offset, flags);
}
ssize_t sendfile(int to, int from, off_t* offset, size_t size) noexcept {
  static const auto call = real<decltype(::sendfile)>("sendfile");
  const auto begin = ::lseek(to, 0, SEEK_CUR);
  return write_at(
      to, begin, [&] { return call(to, from, offset, size); },
      [&](ssize_t n) { return bytes_in(to, begin, n); });
}
ssize_t sendfile64(int to, int from, off64_t* offset, size_t size) noexcept {
  return sendfile(to, from, offset, size);
}
ssize_t copy_file_range(int from, off64_t* from_offset, int to, off64_t* to_offset, size_t size,
                        unsigned flags) {
  static const auto call = real<decltype(::copy_file_range)>("copy_file_range");
  const auto begin = to_offset != nullptr ? *to_offset : ::lseek(to, 0, SEEK_CUR);
  return write_at(
      to, begin, [&] { return call(from, from_offset, to, to_offset, size, flags); },
      [&](ssize_t n) { return bytes_in(to, begin, n); });
}

// -------------------------------------------------------------------------------------------- length

int ftruncate(int fd, off_t length) noexcept {
  static const auto call = real<decltype(::ftruncate)>("ftruncate");
  return resize(fd, [&] { return call(fd, length); });
}
int ftruncate64(int fd, off64_t length) noexcept {
  return ftruncate(fd, length);
}
int truncate(const char* path, off_t length) noexcept {
  const int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return fd;
  const int result = ftruncate(fd, length);
  const int kept = errno;
  ::close(fd);
  errno = kept;
  return result;
}
int truncate64(const char* path, off64_t length) noexcept {
  return truncate(path, length);
}
int fallocate(int fd, int mode, off_t offset, off_t length) {
  static const auto call = real<decltype(::fallocate)>("fallocate");
  return allocate(fd, mode, offset, length, [&] { return call(fd, mode, offset, length); });
}
int fallocate64(int fd, int mode, off64_t offset, off64_t length) {
  return fallocate(fd, mode, offset, length);
}
int posix_fallocate(int fd, off_t offset, off_t length) {
  static const auto call = real<decltype(::posix_fallocate)>("posix_fallocate");
  return resize(fd, [&] { return call(fd, offset, length); });
}
int posix_fallocate64(int fd, off64_t offset, off64_t length) {
  return posix_fallocate(fd, offset, length);
}

// --------------------------------------------------------------------------------------------- names

int mkdir(const char* path, mode_t mode) noexcept {
  return mkdirat(AT_FDCWD, path, mode);
}
int mkdirat(int directory, const char* path, mode_t mode) noexcept {
  static const auto call = real<decltype(::mkdirat)>("mkdirat");
  return make_at(Kind::make_folder, directory, path, [&] { return call(directory, path, mode); });
}
int symlink(const char* target, const char* path) noexcept {
  return symlinkat(target, AT_FDCWD, path);
}
int symlinkat(const char* target, int directory, const char* path) noexcept {
  static const auto call = real<decltype(::symlinkat)>("symlinkat");
  return make_at(
      Kind::make_link, directory, path, [&] { return call(target, directory, path); }, target);
}
int link(const char* from, const char* to) noexcept {
  return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}
int linkat(int from_directory, const char* from, int to_directory, const char* to, int flags) noexcept {
  static const auto call = real<decltype(::linkat)>("linkat");
  return make_at(Kind::add_name, to_directory, to,
                 [&] { return call(from_directory, from, to_directory, to, flags); });
}
int unlink(const char* path) noexcept {
  return unlinkat(AT_FDCWD, path, 0);
}
int rmdir(const char* path) noexcept {
  return unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}
int unlinkat(int directory, const char* path, int flags) noexcept {
  static const auto call = real<decltype(::unlinkat)>("unlinkat");
  return remove_at(directory, path, [&] { return call(directory, path, flags); });
}
int remove(const char* path) noexcept {
  static const auto call = real<decltype(::remove)>("remove");
  return remove_at(AT_FDCWD, path, [&] { return call(path); });
}
int rename(const char* from, const char* to) noexcept {
  return renameat(AT_FDCWD, from, AT_FDCWD, to);
}
int renameat(int from_directory, const char* from, int to_directory, const char* to) noexcept {
  static const auto call = real<decltype(::renameat)>("renameat");
  return rename_at(from_directory, from, to_directory, to,
                   [&] { return call(from_directory, from, to_directory, to); });
}
int renameat2(int from_directory, const char* from, int to_directory, const char* to,
              unsigned flags) noexcept {
  if ((flags & ~unsigned{RENAME_NOREPLACE}) != 0) give_up("this flag of renameat2()");
  static const auto call = real<decltype(::renameat2)>("renameat2");
  return rename_at(from_directory, from, to_directory, to,
                   [&] { return call(from_directory, from, to_directory, to, flags); });
}

// ---------------------------------------------------------------------------------------------- sync

int fsync(int fd) {
  static const auto call = real<decltype(::fsync)>("fsync");
  return sync_file(fd, [&] { return call(fd); });
}
int fdatasync(int fd) {
  static const auto call = real<decltype(::fdatasync)>("fdatasync");
  return sync_file(fd, [&] { return call(fd); });
}
int syncfs(int fd) noexcept {
  static const auto call = real<decltype(::syncfs)>("syncfs");
  return on_file(
      fd, [&] { return call(fd); }, [](Held& held, ino_t, int) { held.add({.kind = Kind::sync_all}); });
}
void sync() noexcept {
  static const auto call = real<decltype(::sync)>("sync");
  call();
  if (Held held; held) held.add({.kind = Kind::sync_all});
}

// ------------------------------------------------------------------------------------------- sockets

ssize_t send(int fd, const void* bytes, size_t size, int flags) {
  static const auto call = real<decltype(::send)>("send");
  if (Held held; held) held.sending({static_cast<const char*>(bytes), size});
  return call(fd, bytes, size, flags);  // not held: it may block
}

}  // extern "C"
