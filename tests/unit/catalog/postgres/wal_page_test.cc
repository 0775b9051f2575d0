#include "catalog/postgres/wal_page.h"

#include <ostream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "catalog/postgres/versions.h"
#include "tests/unit/catalog/postgres/test_data.h"

namespace pgkeep::postgres {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
constexpr SystemIdentifier kSystem(7710109983385405482);
constexpr std::uint16_t kMagic18 = 0xD118;

// ------------------------------------------------------------------------- segments of real servers, of 1
// MiB each

/// The non-zero pages of a segment, as data/ has them: the name is wal-VERSION-SEGMENT.
struct Real {
  int major_version;
  std::uint64_t system;
  const char* name;
  const char* history;

  WalSegmentSize size() const { return WalSegmentSize(kMiB); }
  WalSegment segment() const { return WalSegment::parse(name, size()).value(); }
  std::string content() const {
    auto content = read_test_data("wal-" + std::to_string(major_version) + "-" + name);
    content.resize(kMiB);
    return content;
  }
  WalSegmentChecker checker() const {
    return {segment(), size(), SystemIdentifier(system), major_version,
            TimelineHistory::parse(segment().timeline, history)};
  }
};
void PrintTo(const Real& real, std::ostream* out) {
  *out << real.major_version << ' ' << real.name;
}

class RealSegmentTest : public testing::TestWithParam<Real> {};

TEST_P(RealSegmentTest, IsAccepted) {
  auto checker = GetParam().checker();
  checker.feed(io::as_bytes(GetParam().content()));
  EXPECT_NO_THROW(checker.finish());
}

TEST_P(RealSegmentTest, IsRefusedWithAnyHeaderBitFlippedThatIsChecked) {
  const auto content = GetParam().content();
  // Magic, flags that exist and the continued record's length vary lawfully; the rest of the long header may
  // not.
  for (std::size_t bit = 8 * 4; bit < 8 * 40; ++bit) {
    if (bit >= 8 * 16 && bit < 8 * 24) continue;
    auto flipped = content.substr(0, kWalBlockBytes);
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    auto checker = GetParam().checker();
    EXPECT_THROW(checker.feed(io::as_bytes(flipped)), Corruption) << "byte " << bit / 8 << " bit " << bit % 8;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Servers, RealSegmentTest,
    testing::Values(Real{13, 7710109975766472595, "00000001000000000000000E", ""},
                    Real{15, 7710109978094856133, "00000001000000000000000D", ""},
                    Real{17, 7710109980744222711, "00000001000000000000000D", ""},
                    Real{18, 7710109983385405482, "000000010000000000000011", ""},
                    Real{19, 7713528786629617541, "00000001000000000000000B", ""},
                    // Two pages of timeline 1, copied at the promotion, then two of timeline 2.
                    Real{18, 7710109983385405482, "000000020000000000000012",
                         "1\t0/1202698\tno recovery target\n"}),
    [](const auto& test) {
      return "From" + std::to_string(test.param.major_version) + "_" + test.param.name;
    });

TEST(PromotedSegmentTest, IsRefusedWhereTheOldTimelineGoesOnPastItsEnd) {
  // Had timeline 1 been left at 0/1201FF8, the second page could not be its own.
  const Real left_earlier{18, kSystem.value(), "000000020000000000000012", "1\t0/1201FF8\tx\n"};
  auto checker = left_earlier.checker();
  EXPECT_THAT(corruption_from([&] { checker.feed(io::as_bytes(left_earlier.content())); }),
              AllOf(HasSubstr("0/1202000"), HasSubstr("timeline 1, which did not lead here")));
}

// ---------------------------------------------------------------------------------------------- built
// segments

/// A segment on timeline 5 of system kSystem, version 18, whose pages can be spoilt one by one.
class WalSegmentCheckerTest : public testing::Test {
 protected:
  explicit WalSegmentCheckerTest(std::uint64_t segment_bytes = kMiB)
      : size_(segment_bytes), segment_{TimelineId(5), 3 * size_.per_log() + 2}, bytes_(segment_bytes) {
    for (std::size_t page = 0; page < pages(); ++page) {
      put<std::uint16_t>(page, 0, kMagic18);
      put<std::uint32_t>(page, 4, 5);
      put<std::uint64_t>(page, 8, address(page).value());
      put<std::uint64_t>(page, 4096, 0x0123'4567'89AB'CDEF);  // some record's bytes
    }
    put<std::uint16_t>(0, 2, 2);
    put<std::uint64_t>(0, 24, kSystem.value());
    put<std::uint32_t>(0, 32, size_.bytes());
    put<std::uint32_t>(0, 36, kWalBlockBytes);
  }

  std::size_t pages() const { return bytes_.size() / kWalBlockBytes; }
  Lsn address(std::size_t page) const { return segment_.begin(size_) + page * kWalBlockBytes; }

  template <std::unsigned_integral T>
  void put(std::size_t page, std::size_t at, T value) {
    io::store_le(bytes_.data() + page * kWalBlockBytes + at, value);
  }
  void zero_from(std::size_t page) {
    std::fill(bytes_.begin() + static_cast<std::ptrdiff_t>(page * kWalBlockBytes), bytes_.end(),
              std::byte{0});
  }

  /// Timelines 2 (left inside page 4) and 3 (left inside page 6) led to 5; 4 did not.
  WalSegmentChecker checker() const {
    const auto history =
        TimelineHistory::parse(TimelineId(5), "2\t" + (address(4) + 100).to_string() + "\tx\n3\t" +
                                                  (address(6) + 100).to_string() + "\tx\n");
    return {segment_, size_, kSystem, 18, history};
  }

  void check_in_pieces(std::size_t piece) {
    auto checked = checker();
    const io::ByteView view(bytes_);
    for (std::size_t at = 0; at < view.size(); at += piece) {
      checked.feed(view.subspan(at, std::min(piece, view.size() - at)));
    }
    checked.finish();
  }
  void expect_accepted() {
    EXPECT_EQ(corruption_from([&] { check_in_pieces(bytes_.size()); }), "(no Corruption)");
  }
  /// The defect lies on that page, and is found alike in pieces of any size.
  void expect_refused(std::size_t page, const char* defect) {
    const auto found = corruption_from([&] { check_in_pieces(bytes_.size()); });
    EXPECT_THAT(found, AllOf(HasSubstr("WAL segment " + segment_.name(size_)),
                             HasSubstr("page at " + address(page).to_string() + ":"), HasSubstr(defect)));
    for (const std::size_t piece : {4093, 8191, 8193, 100'003}) {
      EXPECT_EQ(corruption_from([&] { check_in_pieces(piece); }), found) << piece;
    }
  }

  WalSegmentSize size_;
  WalSegment segment_;
  io::ByteVector bytes_;
};

TEST_F(WalSegmentCheckerTest, AcceptsASoundSegmentInPiecesOfAnySize) {
  for (const std::size_t piece : {997, 4096, 8191, 8192, 8193, 65'536, 100'003, 1 << 20}) {
    EXPECT_EQ(corruption_from([&] { check_in_pieces(piece); }), "(no Corruption)") << piece;
  }
}

TEST_F(WalSegmentCheckerTest, AcceptsPagesOfAncestorsUpToWhereTheyWereLeft) {
  for (std::size_t page = 0; page <= 4; ++page) put<std::uint32_t>(page, 4, 2);
  for (std::size_t page = 5; page <= 6; ++page) put<std::uint32_t>(page, 4, 3);
  expect_accepted();
}

TEST_F(WalSegmentCheckerTest, AcceptsTheFlagsThatExist) {
  put<std::uint16_t>(1, 2, 0x000D);
  put<std::uint32_t>(1, 16, 17);
  expect_accepted();
}

TEST_F(WalSegmentCheckerTest, AcceptsAZeroTail) {
  zero_from(1);
  expect_accepted();
}

TEST_F(WalSegmentCheckerTest, RefusesDataAfterAZeroPage) {
  zero_from(9);
  put<std::uint8_t>(30, 8191, 1);
  expect_refused(30, "holds data, although a page before it is all zeros");
}

TEST_F(WalSegmentCheckerTest, RefusesAGoodPageAfterAZeroPage) {
  const auto whole = bytes_;
  zero_from(9);
  std::copy(whole.end() - kWalBlockBytes, whole.end(), bytes_.end() - kWalBlockBytes);
  expect_refused(pages() - 1, "holds data");
}

TEST_F(WalSegmentCheckerTest, RefusesASegmentThatIsAllZeros) {
  zero_from(0);
  expect_refused(0, "magic 0000, not D118");
}

TEST_F(WalSegmentCheckerTest, RefusesTheMagicOfAnotherVersion) {
  put<std::uint16_t>(7, 0, 0xD116);
  expect_refused(7, "magic D116, not D118");
}

TEST_F(WalSegmentCheckerTest, RefusesFlagsThatDoNotExist) {
  put<std::uint16_t>(7, 2, 0x0010);
  expect_refused(7, "unknown flags 0010");
}

TEST_F(WalSegmentCheckerTest, RefusesAFirstPageWithoutLongHeader) {
  put<std::uint16_t>(0, 2, 0);
  expect_refused(0, "has no long header");
}

TEST_F(WalSegmentCheckerTest, RefusesALongHeaderElsewhere) {
  put<std::uint16_t>(7, 2, 2);
  expect_refused(7, "only the first page");
}

TEST_F(WalSegmentCheckerTest, RefusesAnotherAddressAsRecycledFilesHave) {
  put<std::uint64_t>(127, 8, address(127).value() - 16 * kMiB);
  expect_refused(127, "says it is the page at 2/FF2FE000");
}

TEST_F(WalSegmentCheckerTest, RefusesAnotherSystem) {
  put<std::uint64_t>(0, 24, 1);
  expect_refused(0, "comes from system 1, not 7710109983385405482");
}

TEST_F(WalSegmentCheckerTest, RefusesAnotherSegmentSize) {
  put<std::uint32_t>(0, 32, 16 << 20);
  expect_refused(0, "segments of 16777216 bytes, not 1048576");
}

TEST_F(WalSegmentCheckerTest, RefusesAnotherBlockSize) {
  put<std::uint32_t>(0, 36, 16384);
  expect_refused(0, "blocks of 16384 bytes, not 8192");
}

TEST_F(WalSegmentCheckerTest, RefusesATimelineThatDidNotLeadHere) {
  put<std::uint32_t>(3, 4, 4);
  expect_refused(3, "timeline 4, which did not lead here");
}

TEST_F(WalSegmentCheckerTest, RefusesATimelineAboveTheSegments) {
  put<std::uint32_t>(127, 4, 6);
  expect_refused(127, "timeline 6, which did not lead here");
}

TEST_F(WalSegmentCheckerTest, RefusesATimelineThatFalls) {
  put<std::uint32_t>(0, 4, 2);
  put<std::uint32_t>(1, 4, 3);
  put<std::uint32_t>(2, 4, 2);
  expect_refused(2, "falls back from timeline 3 to 2");
}

TEST_F(WalSegmentCheckerTest, RefusesAContinuedRecordOfWhichNothingIsLeft) {
  put<std::uint16_t>(7, 2, 1);
  expect_refused(7, "continues a record of which nothing is left");
}

TEST_F(WalSegmentCheckerTest, RefusesEveryLengthButTheWhole) {
  for (const std::size_t length : {0ul, 1ul, 8191ul, 8192ul, kMiB - 8192, kMiB - 1}) {
    auto checked = checker();
    checked.feed(io::ByteView(bytes_).first(length));
    EXPECT_THAT(
        corruption_from([&] { checked.finish(); }),
        AllOf(HasSubstr("ends at " + (address(0) + length).to_string()), HasSubstr("of 1048576 bytes")));
  }
}

TEST_F(WalSegmentCheckerTest, RefusesBytesPastTheEnd) {
  auto checked = checker();
  checked.feed(bytes_);
  EXPECT_THAT(corruption_from([&] { checked.feed(io::ByteView(bytes_).first(1)); }),
              HasSubstr("past its end at 3/300000"));
  EXPECT_NO_THROW(checked.finish());
}

class LargeWalSegmentCheckerTest : public WalSegmentCheckerTest {
 protected:
  LargeWalSegmentCheckerTest() : WalSegmentCheckerTest(64 * kMiB) {}
};

TEST_F(LargeWalSegmentCheckerTest, ChecksSegmentsOf64MiBToTheirLastPage) {
  expect_accepted();
  put<std::uint16_t>(8191, 0, 0);
  expect_refused(8191, "magic 0000");
}

TEST(WalPageMagicTest, IsRefusedForAVersionThatIsNotKnown) {
  EXPECT_EQ(formats_of(13).wal_page_magic, 0xD106);
  EXPECT_EQ(formats_of(18).wal_page_magic, kMagic18);
  EXPECT_THROW(formats_of(oldest_known_major() - 1), Error);
  EXPECT_THROW(formats_of(newest_known_major() + 1), Error);
}

TEST(UnknownVersionTest, OfASegmentTheLengthAloneCounts) {
  const WalSegmentSize size(kMiB);
  const WalSegment segment{TimelineId(1), 3};
  WalSegmentChecker checker(segment, size, kSystem, newest_known_major() + 1, TimelineHistory(TimelineId(1)));
  io::ByteVector bytes(kMiB, std::byte{0x5A});
  checker.feed(io::ByteView(bytes).first(kMiB - 8192));
  EXPECT_THROW(checker.finish(), Corruption);
  checker.feed(io::ByteView(bytes).last(8192));
  EXPECT_NO_THROW(checker.finish());
  EXPECT_THROW(checker.feed(io::ByteView(bytes).first(1)), Corruption);
}

}  // namespace
}  // namespace pgkeep::postgres
