#pragma once

#include <array>
#include <memory>

#include "catalog/io/bytes.h"

namespace pgkeep::streaming {

/// Bytes on their way from one thread to another: a ring that takes memory only where bytes have been, and
/// gives it back to the system when asked. Whoever uses it locks; only what front() shows may be read
/// without, since it stays as it is until it is dropped.
class WalBuffer {
 public:
  /// `bytes` at first, `most` after grow().
  WalBuffer(std::size_t bytes, std::size_t most);

  std::size_t size() const noexcept { return size_; }
  std::size_t capacity() const noexcept { return capacity_; }
  std::size_t room() const noexcept { return capacity_ - size_; }
  /// Whether grow() would do something: not while the bytes go round the ring's end.
  bool may_grow() const noexcept { return capacity_ < most_ && begin_ + size_ <= capacity_; }
  void grow() noexcept { capacity_ = most_; }
  /// As much of `bytes` as there is room for; how much that was.
  std::size_t put(io::ByteView bytes) noexcept;
  /// The first bytes, in one piece or two. `length` is at most size().
  std::array<io::ByteView, 2> front(std::size_t length) const noexcept;
  void drop(std::size_t length) noexcept;
  /// So much of the memory has been used since it was given back.
  std::size_t touched() const noexcept { return touched_; }
  /// Gives the memory back, and is as small as at first, when it is empty.
  void release() noexcept;

 private:
  struct Unmap {
    std::size_t bytes;
    void operator()(std::byte* memory) const noexcept;
  };
  std::size_t first_capacity_;
  std::size_t most_;
  std::size_t capacity_;
  std::unique_ptr<std::byte, Unmap> memory_;
  std::size_t begin_ = 0;
  std::size_t size_ = 0;
  std::size_t touched_ = 0;
};

}  // namespace pgkeep::streaming
