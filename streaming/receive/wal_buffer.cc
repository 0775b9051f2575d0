#include "streaming/receive/wal_buffer.h"

#include <algorithm>
#include <cassert>
#include <new>

#include <sys/mman.h>

namespace pgkeep::streaming {
namespace {

/// Not from the heap, which would keep what a hundred streams have used once.
std::byte* map(std::size_t bytes) {
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  ::madvise(memory, bytes, MADV_NOHUGEPAGE);  // else one byte takes 2 MiB
  return static_cast<std::byte*>(memory);
}

}  // namespace

void WalBuffer::Unmap::operator()(std::byte* memory) const noexcept {
  ::munmap(memory, kMostBytes);
}

WalBuffer::WalBuffer(WalMemory& shared) : shared_(&shared), memory_(map(kMostBytes)) {}

WalBuffer::~WalBuffer() {
  shrink();
}

/// Not while the bytes go round the ring's end.
void WalBuffer::grow() noexcept {
  if (capacity_ < kMostBytes && begin_ + size_ <= capacity_ && shared_->take(kMostBytes - kOwnBytes))
    capacity_ = kMostBytes;
}

void WalBuffer::shrink() noexcept {
  shared_->give_back(capacity_ - kOwnBytes);
  capacity_ = kOwnBytes;
}

std::size_t WalBuffer::put(io::ByteView bytes) noexcept {
  if (capacity_ - size_ < bytes.size()) grow();
  const auto taken = std::min(bytes.size(), capacity_ - size_);
  const auto end = (begin_ + size_) % capacity_;
  const auto first = std::min(taken, capacity_ - end);
  std::copy_n(bytes.begin(), first, memory_.get() + end);
  std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(first), taken - first, memory_.get());
  size_ += taken;
  touched_ = std::max(touched_, taken > first ? capacity_ : end + first);
  return taken;
}

std::array<io::ByteView, 2> WalBuffer::front(std::size_t length) const noexcept {
  assert(length <= size_);
  const auto first = std::min(length, capacity_ - begin_);
  return {io::ByteView(memory_.get() + begin_, first), io::ByteView(memory_.get(), length - first)};
}

void WalBuffer::drop(std::size_t length) noexcept {
  assert(length <= size_);
  size_ -= length;
  begin_ = size_ == 0 ? 0 : (begin_ + length) % capacity_;  // so that little traffic uses few pages
}

void WalBuffer::release() noexcept {
  if (size_ != 0) return;
  ::madvise(memory_.get(), kMostBytes, MADV_DONTNEED);
  touched_ = 0;
  shrink();
}

}  // namespace pgkeep::streaming
