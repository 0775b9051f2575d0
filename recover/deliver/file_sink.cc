#include "recover/deliver/file_sink.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <new>

#include "catalog/io/error.h"

namespace pgkeep::recover {
namespace {

/// From here on a file is large: below it the page cache gathers many into few writes.
constexpr std::uint64_t kLargeBytes = 8u << 20;

/// False when the file system does not do it.
bool set_direct(const io::File& file, bool direct) {
  const int flags = ::fcntl(file.fd(), F_GETFL);
  return flags >= 0 && ::fcntl(file.fd(), F_SETFL, direct ? flags | O_DIRECT : flags & ~O_DIRECT) == 0;
}

/// One stretch on the disk instead of many. A hint, but for the lack of room, which is better known at once.
void reserve(const io::File& file, std::uint64_t size) {
  if (::fallocate(file.fd(), 0, 0, static_cast<off_t>(size)) == 0 || errno != ENOSPC) return;
  throw StorageError(ENOSPC, file.path(), "reserve room");
}

}  // namespace

WriteBuffer::WriteBuffer() : bytes_(static_cast<std::byte*>(std::aligned_alloc(kAlignment, kBytes))) {
  if (!bytes_) throw std::bad_alloc();
}

void WriteBuffer::Free::operator()(std::byte* bytes) const noexcept {
  std::free(bytes);
}

FileSink::FileSink(io::File& file, WriteBuffer& buffer, std::uint64_t size)
    : file_(&file), buffer_(buffer.bytes()) {
  if (size < kLargeBytes) return;
  reserve(file, size);
  direct_ = set_direct(file, true);
}

void FileSink::write(io::ByteView bytes) {
  while (!bytes.empty()) {
    const auto n = std::min(bytes.size(), buffer_.size() - filled_);
    std::memcpy(buffer_.data() + filled_, bytes.data(), n);
    filled_ += n;
    bytes = bytes.subspan(n);
    if (filled_ == buffer_.size()) flush();
  }
}

void FileSink::finish() {
  if (direct_ && filled_ % WriteBuffer::kAlignment != 0) direct_ = !set_direct(*file_, false);
  flush();
}

void FileSink::flush() {
  const auto piece = buffer_.first(filled_);
  try {
    file_->append(piece);
  } catch (const StorageError& error) {
    // A disk or file system that wants yet another alignment says so at the first write.
    if (!direct_ || written_ != 0 || error.cause() != EINVAL || !set_direct(*file_, false)) throw;
    direct_ = false;
    file_->append(piece);
  }
  written_ += filled_;
  filled_ = 0;
}

}  // namespace pgkeep::recover
