#pragma once

#include <concepts>

#include "catalog/io/bytes.h"
#include "catalog/io/error.h"

namespace pgkeep::store {

// Fields of the lists of a backup: whole numbers in little-endian order, and bytes whose length was told
// before.

template <std::unsigned_integral T>
void put_number(io::ByteVector& out, T value) {
  out.resize(out.size() + sizeof(T));
  io::store_le(&out[out.size() - sizeof(T)], value);
}
inline void put_bytes(io::ByteVector& out, io::ByteView bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

/// Takes fields off the front. Throws Corruption when there are not as many bytes left. Borrows the bytes.
class FieldReader {
 public:
  explicit FieldReader(io::ByteView bytes) : left_(bytes) {}
  bool empty() const noexcept { return left_.empty(); }
  io::ByteView bytes(std::size_t count) {
    if (count > left_.size()) throw Corruption("it ends too early");
    const auto taken = left_.first(count);
    left_ = left_.subspan(count);
    return taken;
  }
  template <std::unsigned_integral T>
  T number() {
    return io::load_le<T>(bytes(sizeof(T)).data());
  }

 private:
  io::ByteView left_;
};

}  // namespace pgkeep::store
