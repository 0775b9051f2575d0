#include "catalog/postgres/wal_records.h"

#include <algorithm>
#include <ostream>
#include <random>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/wal_builder.h"
#include "tests/unit/catalog/postgres/test_data.h"

namespace pgkeep::postgres {
namespace {

using namespace std::chrono_literals;
using test::WalBuilder;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Optional;

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
const Lsn kBegin(5 * kMiB);
const io::TimePoint kNoon = io::parse_rfc3339("2026-11-20T12:00:00Z").value();

const char* name_of(WalMoment::Kind kind) {
  switch (kind) {
    case WalMoment::Kind::commit:
      return "commit";
    case WalMoment::Kind::abort:
      return "abort";
    case WalMoment::Kind::restore_point:
      return "restore point";
    case WalMoment::Kind::end_of_recovery:
      return "end of recovery";
  }
  return nullptr;
}

/// Walks in pieces of that many bytes; "commit 0/E00028 2026-11-20T04:49:59.159579Z", a line each.
struct Walk {
  Walk(Lsn begin, io::ByteView bytes, std::size_t piece = 100'000) {
    WalRecordWalker walker(begin, WalSegmentSize(kMiB), {.moment = [this](const WalMoment& moment) {
                             const auto* kind = name_of(moment.kind);
                             found.push_back(fmt::format("{} {} {}{}{}", kind, moment.begin.to_string(),
                                                         io::format_rfc3339(moment.time),
                                                         moment.name.empty() ? "" : " ", moment.name));
                           }});
    for (; !bytes.empty(); bytes = bytes.subspan(std::min(piece, bytes.size())))
      walker.feed(bytes.first(std::min(piece, bytes.size())));
    defect = walker.defect();
    understood = walker.understood();
  }
  std::vector<std::string> found;
  bool understood = true;
  std::optional<std::string> defect;
};

std::string commit_at(Lsn lsn, io::TimePoint time = kNoon) {
  return fmt::format("commit {} {}", lsn.to_string(), io::format_rfc3339(time));
}

// ---------------------------------------------------------------------- segments of real servers, of 1 MiB

struct Real {
  int major_version;
  const char* name;
  std::vector<std::string> moments;  // as pg_waldump tells them

  Lsn begin() const { return WalSegment::parse(name, WalSegmentSize(kMiB))->begin(WalSegmentSize(kMiB)); }
  std::string content() const { return read_test_data("wal-" + std::to_string(major_version) + "-" + name); }
};
void PrintTo(const Real& real, std::ostream* out) {
  *out << real.major_version << ' ' << real.name;
}

class RealWalTest : public testing::TestWithParam<Real> {};

TEST_P(RealWalTest, TellsWhatPgWaldumpTells) {
  auto content = GetParam().content();
  content.resize(kMiB);
  const Walk walk(GetParam().begin(), io::as_bytes(content));
  EXPECT_EQ(walk.found, GetParam().moments);
  EXPECT_EQ(walk.defect, std::nullopt);
}

TEST_P(RealWalTest, NeverTellsAMomentThatWasNotWhateverBytesAreFlipped) {
  const auto sound = GetParam().content();
  std::minstd_rand random(GetParam().major_version);
  for (int round = 0; round < 3000; ++round) {
    auto damaged = sound;
    for (auto flips = 1 + random() % 3; flips > 0; --flips)
      damaged[random() % damaged.size()] = static_cast<char>(random());
    const Walk walk(GetParam().begin(), io::as_bytes(damaged));
    for (const auto& moment : walk.found) EXPECT_THAT(GetParam().moments, testing::Contains(moment));
    if (HasFailure()) break;
  }
}

TEST_P(RealWalTest, EndsQuietlyWhereverTheBytesEnd) {
  const auto whole = GetParam().content();
  for (std::size_t length = 0; length < whole.size(); length += 61) {
    auto cut = whole.substr(0, length);
    cut.resize(whole.size());
    const Walk walk(GetParam().begin(), io::as_bytes(cut));
    EXPECT_LE(walk.found.size(), GetParam().moments.size()) << length;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Servers, RealWalTest,
    testing::Values(
        Real{13,
             "00000001000000000000000E",
             {"commit 0/E00028 2026-11-20T04:49:59.159579Z", "commit 0/E01950 2026-11-20T04:49:59.168533Z"}},
        Real{15,
             "00000001000000000000000D",
             {"commit 0/D00028 2026-11-20T04:49:59.270107Z", "commit 0/D01950 2026-11-20T04:49:59.280234Z"}},
        Real{17,
             "00000001000000000000000D",
             {"commit 0/D00028 2026-11-20T04:49:59.384715Z", "commit 0/D01950 2026-11-20T04:49:59.393954Z"}},
        Real{
            18,
            "000000010000000000000011",
            {"commit 0/1100028 2026-11-20T04:49:59.496204Z", "commit 0/1101950 2026-11-20T04:49:59.504539Z"}},
        Real{19,
             "00000001000000000000000B",
             {"commit 0/B001D0 2026-11-29T09:51:23.331179Z", "commit 0/B00238 2026-11-29T09:51:23.353793Z"}},
        Real{18,
             "000000020000000000000012",
             {"commit 0/12025F8 2026-11-20T04:49:59.603071Z",
              "commit 0/1207470 2026-11-20T04:49:59.905545Z"}}),
    [](const auto& test) {
      return "From" + std::to_string(test.param.major_version) + "_" + test.param.name;
    });

// ------------------------------------------------------------------------------------- records made here

TEST(WalRecordWalkerTest, TellsCommitsAbortsAndRestorePointsInTheOrderOfTheWal) {
  WalBuilder wal(kBegin);
  wal.other(20'000);
  const auto first = wal.commit(kNoon);
  wal.other(64);
  const auto second = wal.abort(kNoon - 3s);  // times need not rise
  const auto third = wal.restore_point("before release", kNoon + 1us);
  EXPECT_THAT(
      Walk(kBegin, wal.segments()).found,
      ElementsAre(commit_at(first), "abort " + second.to_string() + " 2026-11-20T11:59:57Z",
                  "restore point " + third.to_string() + " 2026-11-20T12:00:00.000001Z before release"));
}

TEST(WalRecordWalkerTest, KnowsPreparedTransactionsAndExtraItems) {
  WalBuilder wal(kBegin);
  io::ByteVector rest(3 + 5 + 5 + 8);
  rest[0] = std::byte{253};  // an origin
  rest[3] = std::byte{252};  // a transaction above
  rest[8] = std::byte{254};  // a long length
  io::store_le<std::uint32_t>(rest.data() + 9, 8);
  io::store_le(rest.data() + 13, static_cast<std::uint64_t>(io::to_postgres_time(kNoon)));
  const auto prepared = wal.add(1, 0x30 | 0x80, rest);
  const auto taken_back = wal.add(1, 0x40, rest);
  wal.add(1, 0x10, rest);  // to prepare one ends none
  wal.add(1, 0x50, rest);
  wal.add(0, 0x10, rest);  // a checkpoint
  EXPECT_THAT(Walk(kBegin, wal.segments()).found,
              ElementsAre(commit_at(prepared), "abort " + taken_back.to_string() + " 2026-11-20T12:00:00Z"));
}

TEST(WalRecordWalkerTest, PutsARecordTogetherWhereverAPageCutsIt) {
  const auto page = kBegin + 3 * kWalBlockBytes;
  // A commit has 34 bytes and begins at a multiple of 8.
  for (std::uint64_t before = 8; before <= 40; before += 8) {
    WalBuilder wal(kBegin);
    wal.fill_to(Lsn(page.value() - before));
    const auto lsn = wal.commit(kNoon);
    ASSERT_EQ(lsn, Lsn(page.value() - before));
    const auto next = wal.commit(kNoon + 1s);
    EXPECT_THAT(Walk(kBegin, wal.segments()).found, ElementsAre(commit_at(lsn), commit_at(next, kNoon + 1s)))
        << before;
  }
}

TEST(WalRecordWalkerTest, TakesItsBytesInPiecesOfAnyLength) {
  WalBuilder wal(kBegin);
  wal.other(9000);
  const auto lsn = wal.commit(kNoon);
  for (const std::size_t piece : {1, 100, 8191, 8192, 8193, 50'000})
    EXPECT_THAT(Walk(kBegin, wal.segments(), piece).found, ElementsAre(commit_at(lsn))) << piece;
}

TEST(WalRecordWalkerTest, PassesOverWhatGoesOnFromBeforeItsFirstPage) {
  WalBuilder wal(kBegin);
  wal.fill_to(Lsn(kBegin.value() + kMiB - 16));
  wal.commit(kNoon);  // over the end of the segment
  const auto whole = wal.commit(kNoon + 1s);
  const Walk alone(kBegin + kMiB, wal.segment(1));
  EXPECT_THAT(alone.found, ElementsAre(commit_at(whole, kNoon + 1s)));
  EXPECT_EQ(alone.defect, std::nullopt);
  EXPECT_THAT(Walk(kBegin, wal.segment(0)).found, IsEmpty());
}

TEST(WalRecordWalkerTest, PutsARecordTogetherOverTheEndOfASegmentWhenBothAreFed) {
  WalBuilder wal(kBegin);
  wal.fill_to(Lsn(kBegin.value() + kMiB - 16));
  const auto lsn = wal.commit(kNoon);
  EXPECT_THAT(Walk(kBegin, wal.segments()).found, ElementsAre(commit_at(lsn)));
}

TEST(WalRecordWalkerTest, GoesOnInTheNextSegmentBehindASwitch) {
  WalBuilder wal(kBegin);
  const auto first = wal.commit(kNoon);
  wal.switch_wal();
  const auto second = wal.commit(kNoon + 1s);
  const Walk walk(kBegin, wal.segments());
  EXPECT_THAT(walk.found, ElementsAre(commit_at(first), commit_at(second, kNoon + 1s)));
  EXPECT_EQ(walk.defect, std::nullopt);
}

TEST(WalRecordWalkerTest, GivesUpARecordThatACrashReplaced) {
  WalBuilder wal(kBegin);
  wal.other(9000);
  auto bytes = wal.segments();
  // The server crashed before the second page was written, and later began something else there.
  WalBuilder later(kBegin);
  later.fill_to(Lsn(kBegin.value() + kWalBlockBytes + kWalPageHeaderBytes));
  const auto lsn = later.commit(kNoon);
  const auto other = later.segments();
  std::copy(other.begin() + kWalBlockBytes, other.end(), bytes.begin() + kWalBlockBytes);
  EXPECT_THAT(Walk(kBegin, bytes).defect, Optional(HasSubstr("0 bytes of a record")));
  io::store_le<std::uint16_t>(bytes.data() + kWalBlockBytes + 2, 8);
  const Walk walk(kBegin, bytes);
  EXPECT_THAT(walk.found, ElementsAre(commit_at(lsn)));
  EXPECT_EQ(walk.defect, std::nullopt);
}

TEST(WalRecordWalkerTest, SaysWhereTheWalMakesNoSenseAndTellsNothingBehindIt) {
  WalBuilder wal(kBegin);
  const auto first = wal.commit(kNoon);
  const auto second = wal.commit(kNoon + 1s);
  wal.other(20'000);
  wal.commit(kNoon + 2s);
  const auto sound = wal.segments();
  struct Row {
    std::size_t at;
    std::uint8_t byte;
    const char* defect;
  };
  const auto record = second - kBegin;
  const Row rows[] = {
      {record + 30, 1, "the CRC of the record does not fit"},
      {record, 23, "a record of 23 bytes"},
      {record, 0, "a record without a length"},
      {record + 1, 77, "the page has"},
      {kWalBlockBytes + 8, 1, "the page says that it is another one"},
      {kWalBlockBytes + 16, 1, "the page has"},
  };
  for (const auto& row : rows) {
    auto damaged = sound;
    damaged[row.at] = std::byte{row.byte};
    const Walk walk(kBegin, damaged);
    EXPECT_THAT(walk.defect, Optional(HasSubstr(row.defect)));
    ASSERT_FALSE(walk.found.empty());
    EXPECT_EQ(walk.found.front(), commit_at(first));
    EXPECT_LE(walk.found.size(), 2u);
  }
}

TEST(WalRecordWalkerTest, DoesNotBelieveATimeThatCannotBe) {
  for (const auto time : {INT64_MAX, INT64_MIN, INT64_MAX - 1'000'000'000'000'000}) {
    WalBuilder wal(kBegin);
    io::ByteVector rest(10);
    rest[0] = std::byte{255};
    rest[1] = std::byte{8};
    io::store_le(rest.data() + 2, static_cast<std::uint64_t>(time));
    wal.add(1, 0, rest);
    const Walk walk(kBegin, wal.segments());
    EXPECT_THAT(walk.found, IsEmpty());
    EXPECT_EQ(walk.defect, std::nullopt);
    EXPECT_FALSE(walk.understood);
  }
}

TEST(WalRecordWalkerTest, DoesNotBelieveARecordOfAnotherForm) {
  const std::vector<io::ByteVector> forms = {
      {},
      {std::byte{255}},
      {std::byte{255}, std::byte{9}, std::byte{0}},    // longer than the record
      {std::byte{0}, std::byte{0}},                    // a page
      {std::byte{254}, std::byte{1}},                  // half a length
      {std::byte{253}, std::byte{1}},                  // half an origin
      {std::byte{255}, std::byte{4}, {}, {}, {}, {}},  // no room for a time
      io::ByteVector(200, std::byte{253}),             // nothing but origins
      {std::byte{254}, std::byte{0xFF}, std::byte{0xFF}, std::byte{0xFF}, std::byte{0xFF}, std::byte{1}},
  };
  for (const auto& form : forms) {
    WalBuilder wal(kBegin);
    wal.add(1, 0, form);
    const Walk walk(kBegin, wal.segments());
    EXPECT_THAT(walk.found, IsEmpty());
    EXPECT_EQ(walk.defect, std::nullopt);
    EXPECT_FALSE(walk.understood);
  }
}

TEST(WalRecordWalkerTest, RefusesARecordThatDoesNotNameTheOneBefore) {
  // Two histories with a record at the same place, after others: a snapshot that was put back, say.
  WalBuilder ours(kBegin);
  ours.other(64);
  const auto joint = ours.commit(kNoon) - kBegin;
  WalBuilder theirs(kBegin);
  theirs.other(32);
  theirs.other(32);
  ASSERT_EQ(theirs.commit(kNoon) - kBegin, joint);
  auto joined = ours.segments();
  std::ranges::copy(io::ByteView(theirs.segments()).subspan(joint),
                    joined.begin() + static_cast<std::ptrdiff_t>(joint));
  EXPECT_EQ(Walk(kBegin, ours.segments()).defect, std::nullopt);
  EXPECT_EQ(Walk(kBegin, theirs.segments()).defect, std::nullopt);
  const Walk walk(kBegin, joined);
  EXPECT_THAT(walk.defect,
              Optional(HasSubstr("the one before it begins at 0/500048, and that begins at 0/500028")));
  EXPECT_THAT(walk.found, IsEmpty());
}

TEST(WalRecordWalkerTest, ChecksTheCrcOfEveryRecord) {
  WalBuilder wal(kBegin);
  const auto first = wal.commit(kNoon);
  const auto damaged = wal.other(20'000);
  wal.commit(kNoon + 1s);
  for (const std::size_t at : {std::size_t{4}, std::size_t{30}, std::size_t{9000}, std::size_t{19'000}}) {
    auto bytes = wal.segments();
    bytes[damaged - kBegin + at] ^= std::byte{0x10};
    const Walk walk(kBegin, bytes);
    EXPECT_THAT(walk.defect, Optional(HasSubstr(damaged.to_string()))) << at;
    EXPECT_THAT(walk.found, ElementsAre(commit_at(first))) << at;
  }
}

/// What a walk over the first segment leaves for the second.
std::optional<WalCarry> carry_of(io::ByteView segment) {
  WalRecordWalker walker(kBegin, WalSegmentSize(kMiB), {});
  walker.feed(segment);
  return walker.carry();
}

TEST(WalRecordWalkerTest, GoesOnFromWhatAnotherWalkHasLeftWhereverTheSegmentEnds) {
  // A commit has 34 bytes and begins at a multiple of 8.
  for (std::uint64_t before = 8; before <= 48; before += 8) {
    WalBuilder wal(kBegin);
    wal.fill_to(Lsn(kBegin.value() + kMiB - before));
    std::vector<Lsn> commits{wal.commit(kNoon)};
    if (before > 34) commits.push_back(wal.commit(kNoon));
    const auto carry = carry_of(wal.segment(0));
    ASSERT_TRUE(carry) << before;
    std::vector<Lsn> found;
    WalRecordWalker walker(*carry, WalSegmentSize(kMiB),
                           {.moment = [&](const WalMoment& moment) { found.push_back(moment.begin); }});
    walker.feed(wal.segment(1));
    EXPECT_EQ(walker.defect(), std::nullopt) << before;
    EXPECT_THAT(found, ElementsAre(commits.back())) << before;
  }
}

TEST(WalRecordWalkerTest, UnderstandsNothingOfACarryThatItDoesNotCheck) {
  WalBuilder wal(kBegin);
  wal.fill_to(Lsn(kBegin.value() + kMiB - 32));
  wal.commit(kNoon);  // its last two bytes are in the next segment
  const auto sound = carry_of(wal.segment(0));
  ASSERT_TRUE(sound);
  ASSERT_EQ(sound->head.size(), 32u);
  for (std::size_t at = 0; at < sound->head.size(); ++at) {
    auto carry = *sound;
    carry.head[at] ^= std::byte{1};
    int found = 0;
    WalRecordWalker walker(carry, WalSegmentSize(kMiB), {.moment = [&](const WalMoment&) { ++found; }});
    walker.feed(wal.segment(1));
    EXPECT_NE(walker.defect(), std::nullopt) << at;
    EXPECT_EQ(found, 0) << at;
  }
}

TEST(WalRecordWalkerTest, RefusesASegmentThatDoesNotContinueTheOneBefore) {
  WalBuilder ours(kBegin);
  ours.fill_to(Lsn(kBegin.value() + kMiB - 48));
  ours.restore_point(std::string(40, 'x') + "1", kNoon);
  WalBuilder same_place(kBegin);  // the record has the same length, and another payload
  same_place.fill_to(Lsn(kBegin.value() + kMiB - 48));
  same_place.restore_point(std::string(40, 'x') + "2", kNoon);
  WalBuilder other_place(kBegin);
  other_place.fill_to(Lsn(kBegin.value() + kMiB - 80));
  other_place.other(64 + 200);
  for (const auto* other : {&same_place, &other_place}) {
    WalRecordWalker walker(*carry_of(ours.segment(0)), WalSegmentSize(kMiB), {});
    walker.feed(other->segment(1));
    EXPECT_NE(walker.defect(), std::nullopt);
  }
}

TEST(WalRecordWalkerTest, LeavesWhereTheSwitchBeginsToTheNextSegment) {
  WalBuilder wal(kBegin);
  wal.commit(kNoon);
  const auto last = wal.switch_wal();
  wal.commit(kNoon + 1s);
  const auto carry = carry_of(wal.segment(0));
  ASSERT_TRUE(carry);
  EXPECT_EQ(carry->last_record, last);
  WalRecordWalker walker(*carry, WalSegmentSize(kMiB), {});
  walker.feed(wal.segment(1));
  EXPECT_EQ(walker.defect(), std::nullopt);
  EXPECT_TRUE(walker.ended_early());
}

TEST(WalRecordWalkerTest, LeavesNothingToTheNextSegmentWhereTheWalEndsBeforeIt) {
  WalBuilder wal(kBegin);
  wal.commit(kNoon);
  EXPECT_EQ(carry_of(wal.segment(0)), std::nullopt);
}

TEST(WalRecordWalkerTest, TellsTheSettingsThatARecoveryDependsOn) {
  WalBuilder wal(kBegin);
  io::ByteVector rest(2 + 26);
  rest[0] = std::byte{255};
  rest[1] = std::byte{26};
  for (std::uint32_t i = 0; i < 5; ++i) io::store_le(rest.data() + 2 + 4 * i, 100 + i);
  const auto lsn = wal.add(0, 0x60, rest);
  std::vector<WalParameters> found;
  WalRecordWalker walker(kBegin, WalSegmentSize(kMiB),
                         {.parameters = [&](const auto& parameters) { found.push_back(parameters); }});
  walker.feed(wal.segments());
  EXPECT_THAT(found, ElementsAre(WalParameters{lsn, 100, 101, 102, 103, 104, WalLevel::minimal}));
}

TEST(WalRecordWalkerTest, TellsTablespacesWithTheBytesOfTheirPaths) {
  const std::string path = "/srv/fast\xE9 disk\n2";
  WalBuilder wal(kBegin);
  io::ByteVector rest(2 + 4);
  rest[0] = std::byte{255};
  rest[1] = static_cast<std::byte>(4 + path.size() + 1);
  io::store_le<std::uint32_t>(rest.data() + 2, 16385);
  std::ranges::copy(io::as_bytes(path), std::back_inserter(rest));
  rest.push_back(std::byte{0});
  const auto created = wal.add(5, 0x00, rest);
  rest.resize(2 + 4);
  rest[1] = std::byte{4};
  const auto dropped = wal.add(5, 0x10, rest);
  std::vector<TablespaceChange> found;
  WalRecordWalker walker(kBegin, WalSegmentSize(kMiB),
                         {.tablespace = [&](const auto& change) { found.push_back(change); }});
  walker.feed(wal.segments());
  EXPECT_THAT(found, ElementsAre(TablespaceChange{created, 16385, path},
                                 TablespaceChange{dropped, 16385, std::nullopt}));
}

TEST(WalRecordWalkerTest, TakesWhatReachesBeyondTheKnownBytesForUnfinished) {
  WalBuilder wal(kBegin);
  wal.commit(kNoon);
  const auto cut = wal.other(20'000);
  wal.commit(kNoon + 1s);
  const auto end = wal.position() - kBegin;
  for (std::size_t known = kWalLongPageHeaderBytes + 8; known < end; known += 8) {
    auto bytes = wal.segments();
    std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(known), bytes.end(), std::byte{0});
    WalRecordWalker walker(kBegin, WalSegmentSize(kMiB), {});
    walker.set_limit(kBegin + known);
    walker.feed(bytes);
    EXPECT_EQ(walker.defect(), std::nullopt) << known;
    EXPECT_TRUE(walker.ended_early()) << known;
    if (walker.end() == cut && known > cut - kBegin) {
      EXPECT_EQ(walker.unfinished(), cut) << known;
    }
  }
}

TEST(WalRecordWalkerTest, ComesToItsEndOnAnyBytes) {
  std::minstd_rand random(1);
  for (int round = 0; round < 300; ++round) {
    io::ByteVector noise(4 * kWalBlockBytes);
    std::ranges::generate(noise, [&] { return static_cast<std::byte>(random() % 7 == 0 ? random() : 0); });
    for (std::size_t page = 0; page < noise.size(); page += kWalBlockBytes)  // so that it looks behind it
      io::store_le(noise.data() + page + 8, kBegin.value() + page);
    EXPECT_THAT(Walk(kBegin, noise).found, IsEmpty());
  }
}

}  // namespace
}  // namespace pgkeep::postgres
