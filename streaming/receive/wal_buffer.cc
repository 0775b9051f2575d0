#include "streaming/receive/wal_buffer.h"

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
  ::munmap(memory, bytes);
}

WalBuffer::WalBuffer(std::size_t bytes, std::size_t most)
    : first_capacity_(bytes), most_(most), capacity_(bytes), memory_(map(most), Unmap{most}) {}

std::size_t WalBuffer::put(io::ByteView bytes) noexcept {
  const auto taken = std::min(bytes.size(), room());
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
  ::madvise(memory_.get(), most_, MADV_DONTNEED);
  touched_ = 0;
  capacity_ = first_capacity_;
}

}  // namespace pgkeep::streaming
