#include "catalog/store/contents.h"

#include <fmt/format.h>

#include "catalog/io/compression.h"
#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/io/hashing.h"
#include "catalog/io/units.h"
#include "catalog/store/fields.h"
#include "catalog/store/pack.h"

namespace pgkeep::store {
namespace {

constexpr std::string_view kMagic = "pgkeepCT";
constexpr std::size_t kHeaderBytes = 16;
constexpr int kCompression = 3;
/// Of a file, and of what it holds: a million sections, of a hundred terabytes or of 200 million files.
constexpr std::uint64_t kMaxFileBytes = 64u << 20;
constexpr std::uint32_t kMaxPlainBytes = 64u << 20;

void put_list(io::ByteVector& out, const SectionList& list) {
  put_number(out, static_cast<std::uint32_t>(list.size()));
  for (const auto& section : list) {
    put_number(out, static_cast<std::uint16_t>(section.first.size()));
    put_bytes(out, io::as_bytes(section.first));
    for (const auto number : {section.object.pack, section.object.object, section.base.pack,
                              section.base.object, section.bytes, section.crc32c, section.entries})
      put_number(out, number);
  }
}

SectionList take_list(FieldReader& in) {
  SectionList list;
  for (auto left = in.number<std::uint32_t>(); left != 0; --left) {
    auto& section = list.emplace_back();
    section.first = io::as_text(in.bytes(in.number<std::uint16_t>()));
    for (auto* number : {&section.object.pack, &section.object.object, &section.base.pack,
                         &section.base.object, &section.bytes, &section.crc32c, &section.entries})
      *number = in.number<std::uint32_t>();
    if (section.bytes == 0 || section.bytes > kPieceBytes)
      throw Corruption(fmt::format("a section of {} bytes cannot be", section.bytes));
    if (section.object.object >= kPackMaxObjects || section.base.object >= kPackMaxObjects)
      throw Corruption("it names an object that no pack can have");
  }
  return list;
}

std::string sha256_of(io::ByteView bytes) {
  io::MemorySource source(bytes);
  return io::sha256_hex(source);
}

}  // namespace

io::ByteVector encode_contents(const Contents& contents) {
  io::ByteVector plain;
  for (const auto list : kLists) put_list(plain, contents.*list);
  if (plain.size() > kMaxPlainBytes)
    throw Error(fmt::format("the lists of the backup have so many sections that they cannot be written: {}",
                            io::format_bytes(plain.size())));
  io::ByteVector frame(io::Compressor::bound(plain.size()));
  frame.resize(io::Compressor(kCompression).compress(plain, frame));
  io::ByteVector bytes;
  put_bytes(bytes, io::as_bytes(kMagic));
  put_number(bytes, std::uint32_t{2});  // the format
  put_number(bytes, static_cast<std::uint32_t>(plain.size()));
  put_bytes(bytes, frame);
  return bytes;
}

Contents decode_contents(io::ByteView bytes) {
  FieldReader header(bytes.first(std::min(bytes.size(), kHeaderBytes)));
  if (io::as_text(header.bytes(kMagic.size())) != kMagic) throw Corruption("it is no table of contents");
  if (const auto format = header.number<std::uint32_t>(); format != 2)
    throw Corruption(fmt::format("it has format {}, this program knows 2", format));
  const auto size = header.number<std::uint32_t>();
  if (size > kMaxPlainBytes) throw Corruption("it is larger than a table of contents can be");
  io::ByteVector plain(size);
  io::Decompressor().decompress(bytes.subspan(kHeaderBytes), plain);
  FieldReader in(plain);
  Contents contents;
  for (const auto list : kLists) contents.*list = take_list(in);
  if (!in.empty()) throw Corruption("it goes on after its end");
  return contents;
}

std::string write_contents(const ServerLayout& layout, const BackupId& id, const Contents& contents) {
  const auto bytes = encode_contents(contents);
  io::write_file_durably(layout.contents(id), bytes);
  return sha256_of(bytes);
}

Contents read_contents(const ServerLayout& layout, const BackupRecord& record) {
  const auto path = layout.contents(record.id);
  const auto bytes = io::read_whole_file(path, kMaxFileBytes);
  if (sha256_of(bytes) != record.contents_sha256) {
    throw Corruption(fmt::format(
        "{}: it is not what was stored (its SHA-256 differs from the backup's record)", path.native()));
  }
  try {
    return decode_contents(bytes);
  } catch (const Corruption& damage) {
    throw Corruption(fmt::format("{}: {}", path.native(), damage.what()));
  }
}

}  // namespace pgkeep::store
