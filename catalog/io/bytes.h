#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

namespace pgkeep::io {

using ByteView = std::span<const std::byte>;
using ByteSpan = std::span<std::byte>;
using ByteVector = std::vector<std::byte>;

inline ByteView as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}
inline std::string_view as_text(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Reads an unsigned integer in little-endian order; the caller has checked that it lies inside.
template <std::unsigned_integral T>
T load_le(const std::byte* at) {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    value = static_cast<T>(value | (static_cast<T>(static_cast<std::uint8_t>(at[i])) << (8 * i)));
  }
  return value;
}

template <std::unsigned_integral T>
T load_be(const std::byte* at) {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    value = static_cast<T>((static_cast<std::uint64_t>(value) << 8) | static_cast<std::uint8_t>(at[i]));
  }
  return value;
}

template <std::unsigned_integral T>
void store_le(std::byte* at, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) at[i] = static_cast<std::byte>(value >> (8 * i));
}

template <std::unsigned_integral T>
void store_be(std::byte* at, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i)
    at[sizeof(T) - 1 - i] = static_cast<std::byte>(value >> (8 * i));
}

/// True when every byte is zero.
inline bool all_zero(ByteView bytes) {
  return bytes.empty() ||
         (bytes[0] == std::byte{0} && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

/// Where bytes come from, in order. Not thread-safe.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  /// Fills as much of `into` as there is; 0 means the end.
  virtual std::size_t read(ByteSpan into) = 0;
};

/// Where bytes go, in order. Not thread-safe. A destructor never finishes the work: the owner does, by name.
class ByteSink {
 public:
  virtual ~ByteSink() = default;
  virtual void write(ByteView bytes) = 0;
};

/// A source over bytes in memory, which it borrows.
class MemorySource final : public ByteSource {
 public:
  explicit MemorySource(ByteView bytes) : left_(bytes) {}
  std::size_t read(ByteSpan into) override {
    const auto n = std::min(into.size(), left_.size());
    std::copy_n(left_.begin(), n, into.begin());  // memcpy forbids the null pointer of an empty view
    left_ = left_.subspan(n);
    return n;
  }

 private:
  ByteView left_;
};

/// A sink that keeps everything in memory: for small things and tests.
class MemorySink final : public ByteSink {
 public:
  void write(ByteView bytes) override { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); }
  const ByteVector& bytes() const { return bytes_; }

 private:
  ByteVector bytes_;
};

}  // namespace pgkeep::io
