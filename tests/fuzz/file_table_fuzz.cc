#include <algorithm>
#include <filesystem>
#include <string>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/store/contents.h"
#include "catalog/store/file_spool.h"
#include "catalog/store/file_table.h"
#include "catalog/store/pack_use.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/memory_folder.h"

// The lists of a backup, sound ones of which some bytes were changed: its table of contents, sections of its
// list of files and of its list of packs. Each is read or refused by Corruption, within libFuzzer's limits of
// time and memory, and what is read is what such a list can hold.

namespace {

using namespace pgkeep;
using fuzz::require;
using store::FileEntry;

constexpr std::uint64_t kDataBytes = std::uint64_t{64} << 20;
constexpr int kFiles = 60;
constexpr std::uint32_t kPacks = 100;

std::string name(int number) {
  return fmt::format("base/5/{}", 16384 + number);
}

FileEntry make_entry(int number) {
  FileEntry entry;
  entry.kind = number % 10 == 0 ? store::EntryKind::directory : store::EntryKind::file;
  entry.path = name(number);
  entry.mode = 0600;
  if (entry.kind == store::EntryKind::file) entry.size = std::uint64_t{1} << (number % 23);
  for (std::uint32_t piece = 0; piece < store::pieces_in(entry.size); ++piece) {
    entry.pieces.push_back(
        {static_cast<std::uint32_t>(number % 3), number % 3 == 0 ? 0 : piece * (1 + number % 2)});
    entry.piece_crcs.push_back(piece);
  }
  return entry;
}

/// A server's folder in memory, and sound lists in it.
class Store {
 public:
  Store()
      : repository_(store::Repository::open_or_create(fuzz::memory_folder() / "repository")),
        layout_(repository_.server("main")) {
    layout_.make();
    store::FileSpool spool(layout_.root() / "files.tmp");
    for (int i = 0; i < kFiles; ++i) spool.add(make_entry(i));
    store::PackUse use;
    for (std::uint32_t pack = 1; pack <= kPacks; ++pack) use.mark({pack, pack});
    writing([&](store::SectionWriter& sections) {
      contents_.files = spool.store(sections, {});
      contents_.packs = use.store(sections, {});
    });
    store::PackSet packs(repository_, layout_);
    store::SectionReader reader(packs);
    for (const auto& section : contents_.files) files_.push_back(*reader.read(section));
    for (const auto& section : contents_.packs) packs_.push_back(*reader.read(section));
  }

  const store::Contents& contents() const { return contents_; }
  const std::vector<io::ByteVector>& files() const { return files_; }
  const std::vector<io::ByteVector>& packs() const { return packs_; }

  /// The list of files with other bytes in its sections.
  store::SectionList with(const std::vector<io::ByteVector>& files) {
    for (const auto& entry : io::entries(layout_.packs())) io::remove_file(entry.path());
    auto list = contents_.files;
    writing([&](store::SectionWriter& sections) {
      for (std::size_t i = 0; i < list.size(); ++i)
        list[i] = sections.store(list[i].first, files[i], list[i].entries, {});
    });
    return list;
  }
  template <typename Read>
  void reading(const store::SectionList& list, Read&& read) {
    store::PackSet packs(repository_, layout_);
    store::SectionReader reader(packs);
    store::FileTable table(reader, list, kDataBytes);
    read(table);
  }

 private:
  template <typename Write>
  void writing(Write&& write) {
    store::PackSeries packs(repository_, layout_, store::BackupId(io::TimePoint()));
    store::SectionWriter sections(repository_, packs, nullptr, 1);
    write(sections);
    packs.finish();
  }

  store::Repository repository_;
  store::ServerLayout layout_;
  store::Contents contents_;
  std::vector<io::ByteVector> files_;
  std::vector<io::ByteVector> packs_;
};

void change(io::ByteVector& bytes, fuzz::Input& input) {
  for (auto changes = 1 + input.byte() % 4; changes != 0 && bytes.size() > 1; --changes) {
    const auto at = input.number() % bytes.size();
    switch (input.byte() % 4) {
      case 0:
        bytes.resize(at + 1);
        break;
      case 1:
        std::ranges::copy(input.bytes(std::min<std::size_t>(input.byte() % 16, bytes.size() - at)),
                          bytes.begin() + static_cast<std::ptrdiff_t>(at));
        break;
      default:
        bytes[at] = std::byte{input.byte()};
    }
  }
}

void check(const FileEntry& entry) {
  require(!entry.path.empty() && entry.path.size() <= store::kMaxPathBytes &&
              entry.path.find('\0') == entry.path.npos,
          "a path that cannot be");
  require(entry.kind == store::EntryKind::file || entry.kind == store::EntryKind::directory, "an odd kind");
  const bool is_file = entry.kind == store::EntryKind::file;
  require((!is_file || entry.size <= kDataBytes) && entry.mode <= 07777, "a size or mode that cannot be");
  const auto pieces = is_file ? store::pieces_in(entry.size) : 0;
  require(entry.pieces.size() == pieces, "not the file's pieces");
  require(entry.piece_crcs.size() == pieces, "not one CRC a piece");
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

void read_files(store::FileTable& table) {
  std::string last;
  const auto visit = [&](FileEntry&& entry) {
    require(entry.path > last, "paths that do not rise");
    last = entry.path;
    check(entry);
  };
  unless_corrupt([&] { table.for_each(visit); });
  last.clear();
  unless_corrupt([&] { table.for_each(visit, [](const store::Section&, const Corruption&) {}); });
  // One entry that is damaged says nothing of the next.
  for (int i = 0; i <= kFiles; ++i) {
    unless_corrupt([&] {
      if (const auto entry = table.find(name(i))) check(*entry);
    });
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Store sound;
  fuzz::Input input(data, size);
  switch (input.byte() % 3) {
    case 0: {
      auto contents = store::encode_contents(sound.contents());
      change(contents, input);
      unless_corrupt([&] { store::decode_contents(contents); });
      break;
    }
    case 1: {
      auto section = sound.packs()[input.byte() % sound.packs().size()];
      change(section, input);
      unless_corrupt([&] {
        store::for_each_pack(section, [](std::uint32_t pack, io::ByteView used) {
          require(pack != 0 && used.size() <= 512, "a pack that cannot be");
        });
      });
      break;
    }
    default: {
      auto files = sound.files();
      change(files[input.byte() % files.size()], input);
      const auto list = sound.with(files);
      sound.reading(list, [](store::FileTable& table) { read_files(table); });
    }
  }
  return 0;
}
