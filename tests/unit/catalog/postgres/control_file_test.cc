#include "catalog/postgres/control_file.h"

#include <algorithm>
#include <ostream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/hashing.h"
#include "tests/unit/catalog/postgres/test_data.h"

namespace pgkeep::postgres {
namespace {

using testing::HasSubstr;

/// The beginning of a real file, and what pg_controldata said of it.
struct Real {
  int major_version;
  std::size_t crc_at;
  std::size_t after_checkpoint;  // bytes that what follows the checkpoint lies further than in 13
  std::size_t after_blocks;      // and what follows the size of a WAL block
  std::uint32_t control_version;
  std::uint32_t catalog_version;
  std::uint64_t system;
  std::uint64_t checkpoint;
  std::uint64_t redo;

  std::string content() const { return read_test_data("pg_control-" + std::to_string(major_version)); }
};
void PrintTo(const Real& real, std::ostream* out) {
  *out << "PostgreSQL " << real.major_version;
}

/// Puts a number into the content and makes the CRC right again.
void put(std::string& content, const Real& real, std::size_t at, std::uint32_t value) {
  const auto bytes = std::as_writable_bytes(std::span(content));
  io::store_le(bytes.data() + at, value);
  io::store_le(bytes.data() + real.crc_at, io::crc32c(bytes.first(real.crc_at)));
}

std::string refusal(std::string_view content) {
  return corruption_from([&] { ControlFile::decode(io::as_bytes(content)); });
}

class ControlFileTest : public testing::TestWithParam<Real> {};

TEST_P(ControlFileTest, DecodesWhatPgControldataShows) {
  const auto& real = GetParam();
  const auto control = ControlFile::decode(io::as_bytes(real.content()));
  EXPECT_EQ(control.system, SystemIdentifier(real.system));
  EXPECT_EQ(control.control_version, real.control_version);
  EXPECT_EQ(control.catalog_version, real.catalog_version);
  EXPECT_EQ(control.state, 6u);
  EXPECT_EQ(control.checkpoint, Lsn(real.checkpoint));
  EXPECT_EQ(control.redo, Lsn(real.redo));
  EXPECT_EQ(control.timeline, TimelineId(1));
  EXPECT_EQ(control.min_recovery_point, Lsn());
  EXPECT_EQ(control.block_bytes, 8192u);
  EXPECT_EQ(control.relation_segment_blocks, 131072u);
  EXPECT_EQ(control.wal_block_bytes, 8192u);
  EXPECT_EQ(control.wal_segment_bytes, 1u << 20);
  EXPECT_TRUE(control.data_checksums);
  EXPECT_EQ(control.max_connections, 100);
  EXPECT_EQ(control.max_worker_processes, 8);
  EXPECT_EQ(control.max_wal_senders, 20);
  EXPECT_EQ(control.max_prepared_transactions, 0);
  EXPECT_EQ(control.max_locks_per_transaction, 64);
}

TEST_P(ControlFileTest, ReadsEachFieldFromItsOwnPlace) {
  const auto& real = GetParam();
  auto content = real.content();
  put(content, real, 16, 5);
  put(content, real, 48, 9);
  const auto after_checkpoint = real.after_checkpoint;
  put(content, real, 136 + after_checkpoint, 0x11);
  put(content, real, 140 + after_checkpoint, 0x22);
  put(content, real, 144 + after_checkpoint, 8);
  for (std::uint32_t at = 180; at <= 196; at += 4) put(content, real, at + after_checkpoint, at);
  put(content, real, 220 + after_checkpoint, 2048);
  put(content, real, 252 + real.after_blocks, 0);
  const auto control = ControlFile::decode(io::as_bytes(content));
  EXPECT_EQ(control.state, 5u);
  EXPECT_EQ(control.timeline, TimelineId(9));
  EXPECT_EQ(control.min_recovery_point, Lsn(0x22'0000'0011));
  EXPECT_EQ(control.min_recovery_timeline, TimelineId(8));
  EXPECT_EQ(control.max_connections, 180);
  EXPECT_EQ(control.max_worker_processes, 184);
  EXPECT_EQ(control.max_wal_senders, 188);
  EXPECT_EQ(control.max_prepared_transactions, 192);
  EXPECT_EQ(control.max_locks_per_transaction, 196);
  EXPECT_EQ(control.relation_segment_blocks, 2048u);
  EXPECT_FALSE(control.data_checksums);
}

/// PostgreSQL 19 can be on the way to checksums, and back: then some pages have none.
TEST_P(ControlFileTest, CountsOnChecksumsOnlyWhereAllPagesHaveThem) {
  auto content = GetParam().content();
  put(content, GetParam(), 252 + GetParam().after_blocks, 2);
  EXPECT_FALSE(ControlFile::decode(io::as_bytes(content)).data_checksums);
}

TEST_P(ControlFileTest, HasTheContentOfItsCheckpoint) {
  const auto content = ControlFile::decode(io::as_bytes(GetParam().content())).checkpoint_content;
  EXPECT_EQ(content.size(), 88u + GetParam().after_checkpoint);
  EXPECT_EQ(io::load_le<std::uint64_t>(content.data()), GetParam().redo);
}

TEST_P(ControlFileTest, TakesTheWholeFileToo) {
  auto content = GetParam().content();
  content.resize(8192);
  EXPECT_EQ(ControlFile::decode(io::as_bytes(content)).system, SystemIdentifier(GetParam().system));
}

TEST_P(ControlFileTest, RefusesEveryCut) {
  const auto content = GetParam().content();
  for (std::size_t length = 0; length < content.size(); ++length) {
    EXPECT_THROW(ControlFile::decode(io::as_bytes(content).first(length)), Corruption) << length;
  }
}

TEST_P(ControlFileTest, RefusesEveryFlippedBit) {
  const auto content = GetParam().content();
  for (std::size_t bit = 0; bit < 8 * (GetParam().crc_at + 4); ++bit) {
    auto flipped = content;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_THROW(ControlFile::decode(io::as_bytes(flipped)), Corruption) << bit;
  }
}

TEST_P(ControlFileTest, RefusesTheOtherByteOrder) {
  auto content = GetParam().content();
  std::reverse(content.begin() + 8, content.begin() + 12);
  EXPECT_THAT(refusal(content), HasSubstr("other byte order"));
}

TEST_P(ControlFileTest, RefusesUnknownVersionsEvenWithARightCrc) {
  auto content = GetParam().content();
  put(content, GetParam(), 8, 1201);
  EXPECT_THAT(refusal(content), HasSubstr("control version 1201"));
}

TEST_P(ControlFileTest, RefusesAnotherFloatingPointFormat) {
  auto content = GetParam().content();
  put(content, GetParam(), 208 + GetParam().after_checkpoint, 1);
  EXPECT_THAT(refusal(content), HasSubstr("floating-point"));
}

INSTANTIATE_TEST_SUITE_P(
    Versions, ControlFileTest,
    testing::Values(Real{13, 288, 0, 0, 1300, 202007201, 7710109975766472595, 0xD0'0060, 0xD0'0028},
                    Real{14, 288, 0, 0, 1300, 202107181, 7713528775919957666, 0xC0'0060, 0xC0'0028},
                    Real{15, 288, 0, 0, 1300, 202209061, 7710109978094856133, 0xC0'0060, 0xC0'0028},
                    Real{16, 288, 0, 0, 1300, 202307071, 7713528781429831441, 0xA0'0060, 0xA0'0028},
                    Real{17, 288, 0, 0, 1700, 202406281, 7710109980744222711, 0xC0'0080, 0xC0'0028},
                    Real{18, 292, 0, 0, 1800, 202506291, 7710109983385405482, 0x100'0080, 0x100'0028},
                    Real{19, 308, 8, 12, 1905, 202610061, 7713528786629617541, 0xA0'0080, 0xA0'0028}),
    [](const auto& test) { return "From" + std::to_string(test.param.major_version); });

TEST(ControlFileMessageTest, SaysBothCrcs) {
  auto content = read_test_data("pg_control-18");
  content[17] = 1;
  EXPECT_THAT(refusal(content), HasSubstr("pg_control: its CRC is"));
}

}  // namespace
}  // namespace pgkeep::postgres
