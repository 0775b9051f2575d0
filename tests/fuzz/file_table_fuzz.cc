#include <algorithm>
#include <filesystem>
#include <string>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/store/file_table.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/memory_folder.h"

// Sound file tables of which some bytes were changed. Each is read or refused by Corruption, within
// libFuzzer's limits of time and memory; what is read is what a file table can hold; and reading writes
// nothing, neither in the file nor beside it.

namespace {

using namespace pgkeep;
using fuzz::require;
using store::FileEntry;

constexpr std::uint64_t kDataBytes = std::uint64_t{64} << 20;
constexpr std::size_t kDatabasePage = 4096;
constexpr int kFiles = 60;
constexpr int kPacks = 500;  // so many that their table has more pages than one

std::string name(int number) {
  return fmt::format("base/5/{}", 16384 + number);
}

const std::filesystem::path& folder() {
  static const auto path = [] {
    auto made = fuzz::memory_folder() / "table";
    std::filesystem::create_directory(made);
    return made;
  }();
  return path;
}

io::ByteVector make_table() {
  const auto path = fuzz::memory_folder() / "sound.db";
  store::FileTableWriter writer(path);
  for (int i = 0; i < kFiles; ++i) {
    FileEntry entry;
    entry.kind = i % 10 == 0 ? store::EntryKind::directory : store::EntryKind::file;
    entry.path = name(i);
    entry.mode = 0600;
    if (entry.kind == store::EntryKind::file) entry.size = std::uint64_t{1} << (i % 23);
    for (std::uint32_t piece = 0; piece < store::pieces_in(entry.size); ++piece) {
      entry.pieces.push_back({static_cast<std::uint32_t>(i % 3), i % 3 == 0 ? 0 : piece * (1 + i % 2)});
      entry.piece_crcs.push_back(piece);
    }
    writer.add(entry);
  }
  for (std::uint32_t pack = 1; pack <= kPacks; ++pack)
    writer.add_pack(pack, io::ByteVector(20, std::byte{0x55}));
  writer.finish();
  return io::read_whole_file(path, std::uint64_t{1} << 20);
}

/// Where in the file a change is likely to matter.
std::size_t place(fuzz::Input& input, std::size_t size) {
  const auto pages = size / kDatabasePage;
  switch (input.byte() % 4) {
    case 0:
      return input.byte() % 100;  // SQLite's header
    case 1:
      return input.byte() % pages * kDatabasePage +
             input.byte() % 128;  // the head of a page, its first cells
    case 2:
      return input.byte() % pages * kDatabasePage + kDatabasePage - 1 - input.byte();  // the last cells
    default:
      return input.number() % size;
  }
}

void change(io::ByteVector& table, fuzz::Input& input) {
  while (!input.empty() && table.size() >= kDatabasePage) {
    const auto kind = input.byte() % 8;
    if (kind == 0) {
      const auto pages = table.size() / kDatabasePage;
      const auto from = input.byte() % pages * kDatabasePage;
      const auto to = input.byte() % pages * kDatabasePage;
      std::copy_n(table.begin() + static_cast<std::ptrdiff_t>(from), kDatabasePage,
                  table.begin() + static_cast<std::ptrdiff_t>(to));
    } else if (kind == 1 && input.byte() % 8 == 0) {
      table.resize(place(input, table.size()));
    } else if (kind == 3) {
      table[18] = table[19] = static_cast<std::byte>(input.byte() % 4);  // its journal
    } else if (kind == 2) {
      const auto at = place(input, table.size());
      std::ranges::copy(input.bytes(std::min<std::size_t>(input.byte() % 16, table.size() - at)),
                        table.begin() + static_cast<std::ptrdiff_t>(at));
    } else {
      table[place(input, table.size())] = std::byte{input.byte()};
    }
  }
}

void check(const FileEntry& entry) {
  require(!entry.path.empty() && entry.path.size() <= store::kMaxPathBytes &&
              entry.path.find('\0') == entry.path.npos,
          "a path that cannot be");
  require(entry.kind == store::EntryKind::file || entry.kind == store::EntryKind::directory, "an odd kind");
  require(entry.size <= kDataBytes && entry.mode <= 07777, "a size or mode that cannot be");
  const auto pieces = entry.kind == store::EntryKind::file ? store::pieces_in(entry.size) : 0;
  require(entry.pieces.size() == pieces, "not the file's pieces");
  require(entry.piece_crcs.empty() || entry.piece_crcs.size() == pieces, "not one CRC a piece");
  for (const auto& piece : entry.pieces) require(!piece.is_zero() || piece.object == 0, "an odd reference");
}

/// What `read` does, but Corruption ends it.
template <typename Read>
void unless_corrupt(Read&& read) {
  try {
    read();
  } catch (const Corruption&) {
  }
}

void read_all(const std::filesystem::path& path) {
  unless_corrupt([&] {
    store::FileTable table(path, kDataBytes);
    unless_corrupt([&] {
      std::int64_t last = 0;
      table.for_each([&](FileEntry&& entry) {
        require(entry.id > last, "entries that do not rise");
        last = entry.id;
        check(entry);
      });
    });
    unless_corrupt([&] {
      for (const auto& [pack, used] : table.packs())
        require(pack != 0 && used.size() <= std::size_t{64} << 10, "a pack that cannot be");
    });
    // One entry that is damaged says nothing of the next.
    for (int i = 0; i <= kFiles; ++i) {
      unless_corrupt([&] {
        const auto entry = table.find(name(i));
        if (!entry) return;
        check(*entry);
      });
    }
  });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto sound = make_table();
  fuzz::Input input(data, size);
  auto table = sound;
  change(table, input);
  const auto path = folder() / "files.db";
  std::filesystem::remove_all(folder());
  std::filesystem::create_directory(folder());
  {
    auto file = io::File::create(path);
    file.write_at(table, 0);
    file.close();
  }
  read_all(path);
  require(io::read_whole_file(path, table.size()) == table, "reading has written");
  for (const auto& entry : std::filesystem::directory_iterator(folder()))
    require(entry.path() == path, "reading has made a file");
  return 0;
}
