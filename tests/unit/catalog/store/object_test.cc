#include <gmock/gmock.h>

#include "catalog/io/hashing.h"
#include "catalog/store/object_encoder.h"
#include "tests/unit/catalog/store/store_fixture.h"

namespace pgkeep::store {
namespace {

using ObjectEncoderTest = StoreTest;

TEST_F(ObjectEncoderTest, ZeroesAreNotStored) {
  ObjectEncoder encoder(repository_.digest_key(), nullptr, 1);
  EncodedPiece piece;
  for (const std::size_t size : {std::size_t{1}, std::size_t{kPageBytes}, std::size_t{kPieceBytes}}) {
    encoder.encode(io::ByteVector(size), std::nullopt, piece);
    EXPECT_EQ(piece.outcome, PieceOutcome::zero);
    EXPECT_EQ(piece.crc32c, io::crc32c(io::ByteVector(size)));
  }
}

TEST_F(ObjectEncoderTest, WhatDoesNotCompressIsKeptRaw) {
  ObjectEncoder encoder(repository_.digest_key(), nullptr, 1);
  EncodedPiece piece;
  const auto bytes = noise(kPieceBytes, 1);
  encoder.encode(bytes, std::nullopt, piece);
  EXPECT_EQ(piece.entry.codec, Codec::raw);
  EXPECT_EQ(piece.frame, bytes);
  encoder.encode(rows(kPieceBytes, 1), std::nullopt, piece);
  EXPECT_EQ(piece.entry.codec, Codec::zstd);
  EXPECT_LT(piece.frame.size(), kPieceBytes / 4);
}

TEST_F(ObjectEncoderTest, TheDeltaOfARowIsAboutARow) {
  const auto before = rows(kPieceBytes, 1);
  backup({{"f", before}});
  PackSet packs(repository_, layout_);
  ObjectEncoder encoder(repository_.digest_key(), &packs, 1);
  auto after = before;
  for (std::size_t i = 0; i < 100; ++i) after[3 * kPageBytes + 500 + i] = static_cast<std::byte>(i * 7);
  EncodedPiece piece;
  encoder.encode(after, PreviousPiece{{1, 0}}, piece);
  ASSERT_EQ(piece.outcome, PieceOutcome::delta);
  EXPECT_EQ(piece.entry.changed, 1u << 3);
  EXPECT_EQ(piece.digest_count, 1u);
  EXPECT_LT(piece.frame.size(), 160u);
}

/// Two pieces with the same digests: what who writes pages may come to after billions of them. Here the pack
/// says so of a piece that is another.
class CollidingPiecesTest : public ObjectEncoderTest {
 protected:
  CollidingPiecesTest() {
    ObjectEncoder encoder(repository_.digest_key(), nullptr, 1);
    EncodedPiece stored;
    EncodedPiece sent;
    encoder.encode(before_, std::nullopt, stored);
    encoder.encode(after_, std::nullopt, sent);
    before_crc_ = stored.crc32c;
    PackWriter pack(repository_, layout_, {1, PackKind::full}, next_id_);
    pack.add(stored.entry, stored.frame, std::span(sent.digests).first(sent.digest_count));
    pack.finish();
  }
  EncodedPiece encode_after(std::optional<std::uint32_t> crc) {
    PackSet packs(repository_, layout_);
    ObjectEncoder encoder(repository_.digest_key(), &packs, 1);
    EncodedPiece piece;
    encoder.encode(after_, PreviousPiece{{1, 0}, crc}, piece);
    return piece;
  }

  io::ByteVector before_ = noise(kPieceBytes, 1);
  io::ByteVector after_ = noise(kPieceBytes, 2);
  std::uint32_t before_crc_ = 0;
};

TEST_F(CollidingPiecesTest, AreToldApartByTheirCrc) {
  const auto piece = encode_after(before_crc_);
  ASSERT_EQ(piece.outcome, PieceOutcome::full);
  EXPECT_EQ(piece.crc32c, io::crc32c(after_));
}

TEST_F(CollidingPiecesTest, AreOneWhereNoCrcWasKept) {
  EXPECT_EQ(encode_after(std::nullopt).outcome, PieceOutcome::reused);
}

TEST_F(ObjectEncoderTest, AnUnchangedPieceIsReusedWithItsCrc) {
  const auto before = rows(kPieceBytes, 1);
  backup({{"f", before}});
  PackSet packs(repository_, layout_);
  ObjectEncoder encoder(repository_.digest_key(), &packs, 1);
  EncodedPiece piece;
  encoder.encode(before, PreviousPiece{{1, 0}, io::crc32c(before)}, piece);
  EXPECT_EQ(piece.outcome, PieceOutcome::reused);
}

TEST_F(ObjectEncoderTest, ABackupKeepsTheCrcOfEachPiece) {
  const auto content = rows(kPieceBytes + 5, 1);
  const auto record = backup({{"f", content}});
  const auto entry = open(record.id)->files().find("f");
  EXPECT_THAT(entry->piece_crcs,
              testing::ElementsAre(io::crc32c(io::ByteView(content).first(kPieceBytes)),
                                   io::crc32c(io::ByteView(content).subspan(kPieceBytes))));
}

TEST_F(ObjectEncoderTest, DigestsDependOnTheKeyOfTheRepository) {
  const test::TempDirectory elsewhere;
  const auto other = Repository::open_or_create(elsewhere / "r");
  EncodedPiece here;
  EncodedPiece there;
  ObjectEncoder(repository_.digest_key(), nullptr, 1).encode(noise(kPageBytes, 1), std::nullopt, here);
  ObjectEncoder(other.digest_key(), nullptr, 1).encode(noise(kPageBytes, 1), std::nullopt, there);
  EXPECT_NE(here.digests[0], there.digests[0]);
}

}  // namespace
}  // namespace pgkeep::store
