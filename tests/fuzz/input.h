#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "catalog/io/bytes.h"

namespace pgkeep::fuzz {

/// Ends the run: libFuzzer keeps the input and prints the seed, with which it can be seen again.
[[noreturn]] inline void fail(const char* what) {
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

inline void require(bool holds, const char* what) {
  if (!holds) fail(what);
}

/// The bytes of the input, in turn; zeroes after them. A target reads its steps from it, so that the fuzzer
/// learns which of them lead somewhere.
class Input {
 public:
  explicit Input(io::ByteView bytes) : left_(bytes) {}
  Input(const std::uint8_t* data, std::size_t size)
      : Input({reinterpret_cast<const std::byte*>(data), size}) {}

  bool empty() const { return left_.empty(); }
  std::uint8_t byte() {
    if (left_.empty()) return 0;
    const auto value = static_cast<std::uint8_t>(left_[0]);
    left_ = left_.subspan(1);
    return value;
  }
  std::uint16_t word() { return static_cast<std::uint16_t>(byte() | byte() << 8); }
  std::uint32_t number() { return word() | std::uint32_t{word()} << 16; }
  std::uint64_t long_number() { return number() | std::uint64_t{number()} << 32; }
  io::ByteView bytes(std::size_t at_most) {
    const auto taken = left_.first(std::min(at_most, left_.size()));
    left_ = left_.subspan(taken.size());
    return taken;
  }
  std::string text(std::size_t at_most) { return std::string(io::as_text(bytes(at_most))); }

 private:
  io::ByteView left_;
};

}  // namespace pgkeep::fuzz
