#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "catalog/postgres/wal_records.h"
#include "tests/fuzz/input.h"
#include "tests/support/wal_builder.h"

// A stream of sound records, walked over in one go and in two, cut at any page: what is carried over the cut
// makes the two tell the same. What was changed in between is a defect, or changes nothing.

namespace {

using namespace pgkeep;
using fuzz::require;
using postgres::kWalBlockBytes;
using postgres::Lsn;
using postgres::WalCarry;
using postgres::WalRecordWalker;

constexpr Lsn kBegin(5 * test::kSampleSegmentBytes);
constexpr std::size_t kMostPages = 24;  // of those that are made from the input

/// What one walk tells; `found` without the places, which are in `places`.
struct Told {
  std::vector<std::string> found;
  std::vector<Lsn> places;
  bool understood = true;
  bool defect = false;
  bool ended_early = false;
  Lsn end;
  std::optional<WalCarry> carry;

  WalRecordWalker::Handlers handlers() {
    const auto tell = [this](Lsn begin, std::string what) {
      places.push_back(begin);
      found.push_back(std::move(what));
    };
    return {.moment =
                [=](const postgres::WalMoment& moment) {
                  tell(moment.begin, fmt::format("moment {} {} {}", static_cast<int>(moment.kind),
                                                 moment.time.time_since_epoch().count(), moment.name));
                },
            .parameters =
                [=](const postgres::WalParameters& p) {
                  tell(p.begin,
                       fmt::format("parameters {} {}", p.max_connections, static_cast<int>(p.wal_level)));
                },
            .tablespace =
                [=](const postgres::TablespaceChange& change) {
                  tell(change.begin,
                       fmt::format("tablespace {} {}", change.oid, change.path.value_or("dropped")));
                },
            .checkpoint =
                [=](const postgres::WalCheckpoint& checkpoint) {
                  tell(checkpoint.begin, fmt::format("checkpoint {} {}", checkpoint.redo.to_string(),
                                                     io::to_hex(checkpoint.content)));
                }};
  }
  void feed(WalRecordWalker& walker, io::ByteView wal, std::size_t piece) {
    for (; !wal.empty(); wal = wal.subspan(std::min(piece, wal.size())))
      walker.feed(wal.first(std::min(piece, wal.size())));
    understood = walker.understood();
    defect = walker.defect().has_value();
    ended_early = walker.ended_early();
    end = walker.end();
    carry = walker.carry();
  }
};

Told walk(Lsn begin, io::ByteView wal, std::size_t piece) {
  Told told;
  WalRecordWalker walker(begin, test::sample_segment_size(), told.handlers());
  told.feed(walker, wal, piece);
  return told;
}

Told walk(const WalCarry& from, io::ByteView wal, std::size_t piece) {
  Told told;
  WalRecordWalker walker(from, test::sample_segment_size(), told.handlers());
  told.feed(walker, wal, piece);
  return told;
}

io::ByteVector with_data(std::size_t bytes, fuzz::Input& input) {
  io::ByteVector rest(2 + bytes);
  rest[0] = std::byte{255};
  rest[1] = static_cast<std::byte>(bytes);
  std::ranges::copy(input.bytes(bytes), rest.begin() + 2);
  return rest;
}

/// Whole pages of sound WAL, filled up with zeroes.
io::ByteVector make_wal(fuzz::Input& input) {
  test::WalBuilder wal(kBegin);
  const auto kind = input.byte();
  // Far into the segment, so that the records go over its end.
  if (kind % 16 == 15) wal.fill_to(kBegin + (test::kSampleSegmentBytes - 8 * (8 + std::uint64_t{kind} * 4)));
  const auto most = wal.bytes().size() + kMostPages * kWalBlockBytes;
  for (int left = 1 + kind; left > 0 && !input.empty() && wal.bytes().size() < most; --left) {
    const auto time = io::TimePoint(std::chrono::seconds(input.number()));
    switch (input.byte() % 9) {
      case 0:
        wal.commit(time);
        break;
      case 1:
        wal.abort(time);
        break;
      case 2:
        wal.restore_point(input.text(input.byte() % 64), time);
        break;
      case 3:
        wal.add(0, 0x60, with_data(28, input));
        break;
      case 4:
        wal.add(5, 0x00, with_data(5 + input.byte() % 200, input));
        break;
      case 5:
        wal.add(0, 0x10, with_data(postgres::kCheckpointBytes, input));
        break;
      case 6: {
        const auto manager = input.byte();
        const auto info = static_cast<std::uint8_t>(input.byte() & 0xB0);  // any but a switch
        wal.add(manager, info, with_data(input.byte(), input));
        break;
      }
      case 7:
        wal.other(postgres::kWalRecordHeaderBytes + input.word());
        break;
      default:
        wal.other(postgres::kWalRecordHeaderBytes + input.byte());
    }
  }
  io::ByteVector pages(wal.bytes().begin(), wal.bytes().end());
  pages.resize((pages.size() + kWalBlockBytes - 1) / kWalBlockBytes * kWalBlockBytes);
  return pages;
}

/// What a segment file can hold (decode_carry() in wal_segment_file.cc).
bool can_be(const WalCarry& carry) {
  const bool none = carry.length == 0 && carry.taken == 0;
  const bool one = carry.length >= postgres::kWalRecordHeaderBytes && carry.taken < carry.length;
  return (none || one) && carry.head.size() == std::min<std::size_t>(carry.taken, WalCarry::kMostBytes);
}

WalCarry changed(WalCarry carry, fuzz::Input& input) {
  do {
    switch (input.byte() % 6) {
      case 0:
        carry.last_record = Lsn(carry.last_record.value() ^ input.long_number());
        break;
      case 1:
        carry.length += input.byte();
        break;
      case 2:
        carry.taken += input.byte();
        carry.length += input.byte();
        carry.head.resize(std::min<std::size_t>(carry.taken, WalCarry::kMostBytes));
        break;
      case 3:
        carry.crc ^= input.number();
        break;
      case 4:
        if (!carry.head.empty()) carry.head[input.word() % carry.head.size()] ^= std::byte{input.byte()};
        break;
      default:
        carry.length = carry.taken = input.byte();
        carry.head.clear();
    }
  } while (input.byte() % 4 == 0 && !input.empty());
  return carry;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const auto cut_at = input.byte();
  const auto piece = 512 + std::size_t{input.word()};
  auto changes = fuzz::Input(input.bytes(16));
  const auto wal = make_wal(input);
  if (wal.empty()) return 0;
  const auto pages = wal.size() / kWalBlockBytes;
  const auto cut = cut_at % (pages + 1) * kWalBlockBytes;
  const auto first = io::ByteView(wal).first(cut);
  const auto rest = io::ByteView(wal).subspan(cut);

  const auto whole = walk(kBegin, wal, 1 << 20);
  require(!whole.defect, "a defect in sound WAL");
  auto told = walk(kBegin, first, piece);
  require(!told.defect, "a defect in sound WAL that is cut");
  if (!told.carry) {
    require(cut == 0 || told.ended_early, "sound WAL without a carry");
    return 0;
  }
  require(told.carry->at == kBegin + cut && can_be(*told.carry), "a carry that cannot be");
  const auto second = walk(*told.carry, rest, piece);
  require(!second.defect, "a defect after the cut");
  require(cut == wal.size() || (second.end == whole.end && second.carry == whole.carry &&
                                second.ended_early == whole.ended_early),
          "another end after the cut");
  require((told.understood && second.understood) == whole.understood, "not understood because of the cut");
  const auto before = static_cast<std::ptrdiff_t>(told.found.size());
  told.found.insert(told.found.end(), second.found.begin(), second.found.end());
  told.places.insert(told.places.end(), second.places.begin(), second.places.end());
  require(told.found == whole.found && told.places == whole.places, "other records because of the cut");

  const auto other = changed(*told.carry, changes);
  if (!can_be(other)) return 0;
  const auto after = walk(other, rest, piece);
  if (after.defect || !after.understood) return 0;
  // Nothing may have come to its end that shows the change.
  require(after.found == std::vector(whole.found.begin() + before, whole.found.end()),
          "a changed carry makes other records");
  return 0;
}
