#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>

#include "catalog/io/bytes.h"

namespace pgkeep::streaming {

/// Memory that the streams of a process share: each has a little of its own, and takes from here while much
/// comes at once, if there is any left. So many streams that all catch up need no more than few. Threads:
/// any.
class WalMemory {
 public:
  explicit WalMemory(std::size_t bytes) noexcept : left_(bytes) {}

  /// False when so much is not left.
  bool take(std::size_t bytes) noexcept {
    auto left = left_.load();
    while (left >= bytes)
      if (left_.compare_exchange_weak(left, left - bytes)) return true;
    return false;
  }
  void give_back(std::size_t bytes) noexcept { left_ += bytes; }

 private:
  std::atomic<std::size_t> left_;
};

/// WAL on its way from a stream's thread to the disk: a ring of kOwnBytes, and of kMostBytes while the
/// shared memory has the rest. It takes memory from the system only where bytes have been, and gives it back
/// when asked. The caller locks; only what front() shows may be read without, since it stays as it is
/// until it is dropped.
class WalBuffer {
 public:
  static constexpr std::size_t kOwnBytes = 256u << 10;
  static constexpr std::size_t kMostBytes = 1u << 20;

  explicit WalBuffer(WalMemory& shared);
  WalBuffer(const WalBuffer&) = delete;
  WalBuffer& operator=(const WalBuffer&) = delete;
  ~WalBuffer();

  std::size_t size() const noexcept { return size_; }
  std::size_t capacity() const noexcept { return capacity_; }
  /// As much of `bytes` as there is room for; how much that was.
  std::size_t put(io::ByteView bytes) noexcept;
  /// The first bytes, in one piece or two. `length` is at most size().
  std::array<io::ByteView, 2> front(std::size_t length) const noexcept;
  void drop(std::size_t length) noexcept;
  /// So much of the memory has been used since it was given back.
  std::size_t touched() const noexcept { return touched_; }
  /// Gives the memory back, when it is empty.
  void release() noexcept;

 private:
  struct Unmap {
    void operator()(std::byte* memory) const noexcept;
  };
  void grow() noexcept;
  void shrink() noexcept;

  WalMemory* shared_;
  std::unique_ptr<std::byte, Unmap> memory_;
  std::size_t capacity_ = kOwnBytes;
  std::size_t begin_ = 0;
  std::size_t size_ = 0;
  std::size_t touched_ = 0;
};

}  // namespace pgkeep::streaming
