#include "catalog/store/pack_use.h"

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/store/fields.h"

namespace pgkeep::store {
namespace {

// An entry: u32 number of the pack, u16 length of the bits, the bits.

constexpr std::uint32_t kMeanEntries = 64;
constexpr std::size_t kMaxUsedBytes = kPackMaxObjects / 8;

/// Big-endian, so that keys are in the order of the numbers.
std::string key_of(std::uint32_t pack) {
  std::byte key[4];
  io::store_be(key, pack);
  return std::string(io::as_text(key));
}

}  // namespace

void PackUse::mark(ObjectRef ref) {
  if (ref.is_zero()) return;
  auto& used = packs_[ref.pack];
  const auto byte = ref.object / 8;
  if (used.size() <= byte) used.resize(byte + 1);
  used[byte] |= std::byte{1} << (ref.object % 8);
}

void PackUse::mark(std::uint32_t pack, io::ByteView used) {
  auto& all = packs_[pack];
  if (all.size() < used.size()) all.resize(used.size());
  for (std::size_t i = 0; i < used.size(); ++i) all[i] |= used[i];
}

bool is_used(io::ByteView used, std::uint32_t object) {
  const auto byte = object / 8;
  return byte < used.size() && (used[byte] & (std::byte{1} << (object % 8))) != std::byte{0};
}

SectionList PackUse::store(SectionWriter& sections, const SectionList& before) const {
  SectionList list;
  std::string first;
  io::ByteVector bytes;
  std::uint32_t entries = 0;
  const auto close = [&] {
    if (entries == 0) return;
    list.push_back(sections.store(std::move(first), bytes, entries, before));
    bytes.clear();
    entries = 0;
  };
  for (const auto& [pack, used] : packs_) {
    const auto key = key_of(pack);
    if (begins_section(key, kMeanEntries) || bytes.size() >= kSectionBytes) close();
    if (entries++ == 0) first = key;
    put_number(bytes, pack);
    put_number(bytes, static_cast<std::uint16_t>(used.size()));
    put_bytes(bytes, used);
  }
  close();
  return list;
}

void for_each_pack(io::ByteView section, const std::function<void(std::uint32_t, io::ByteView)>& visit) {
  for (FieldReader in(section); !in.empty();) {
    const auto pack = in.number<std::uint32_t>();
    const auto used = in.bytes(in.number<std::uint16_t>());
    if (pack == 0 || used.size() > kMaxUsedBytes) throw Corruption("it names a pack that cannot be");
    visit(pack, used);
  }
}

PackUse::Packs read_pack_use(SectionReader& reader, const SectionList& list) {
  PackUse::Packs packs;
  for (const auto& section : list) {
    const auto bytes = reader.read(section);
    for_each_pack(*bytes, [&](std::uint32_t pack, io::ByteView used) {
      if (!packs.empty() && pack <= packs.rbegin()->first)
        throw Corruption(fmt::format("the list of packs has pack {:08} in a wrong place", pack));
      packs.emplace_hint(packs.end(), pack, io::ByteVector(used.begin(), used.end()));
    });
  }
  return packs;
}

}  // namespace pgkeep::store
