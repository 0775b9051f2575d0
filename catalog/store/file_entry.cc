#include "catalog/store/file_entry.h"

namespace pgkeep::store {
namespace {

void put_varint(io::ByteVector& out, std::uint32_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<std::byte>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<std::byte>(value));
}

std::uint32_t take_varint(FieldReader& in) {
  std::uint64_t value = 0;
  for (int shift = 0; shift < 35; shift += 7) {
    const auto byte = in.number<std::uint8_t>();
    value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
    if ((byte & 0x80) == 0 && value <= 0xFFFFFFFF) return static_cast<std::uint32_t>(value);
  }
  throw Corruption("a number in a list of pieces is damaged");
}

bool continues_run(const ObjectRef& before, const ObjectRef& ref) {
  return ref.pack == before.pack && (ref.is_zero() || ref.object == before.object + 1);
}

}  // namespace

void put_pieces(io::ByteVector& out, const ObjectRef* pieces, std::size_t count) {
  for (std::size_t first = 0; first < count;) {
    std::size_t end = first + 1;
    while (end < count && continues_run(pieces[end - 1], pieces[end])) ++end;
    put_varint(out, static_cast<std::uint32_t>(end - first));
    put_varint(out, pieces[first].pack);
    put_varint(out, pieces[first].is_zero() ? 0 : pieces[first].object);
    first = end;
  }
}

void take_pieces(FieldReader& in, std::size_t count, std::vector<ObjectRef>& into) {
  while (count != 0) {
    const auto run = take_varint(in);
    const auto pack = take_varint(in);
    const auto first = take_varint(in);
    if (run == 0 || run > count) throw Corruption("a list of pieces does not fit the file's size");
    if (std::uint64_t{first} + run > std::uint64_t{1} << 32)
      throw Corruption("a list of pieces names objects that no pack can have");
    for (std::uint32_t i = 0; i < run; ++i) into.push_back({pack, pack == 0 ? 0 : first + i});
    count -= run;
  }
}

}  // namespace pgkeep::store
