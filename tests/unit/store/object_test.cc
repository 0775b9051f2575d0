#include "catalog/store/object_encoder.h"
#include "tests/unit/store/store_fixture.h"

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
  encoder.encode(after, ObjectRef{1, 0}, piece);
  ASSERT_EQ(piece.outcome, PieceOutcome::delta);
  EXPECT_EQ(piece.entry.changed, 1u << 3);
  EXPECT_EQ(piece.digest_count, 1u);
  EXPECT_LT(piece.frame.size(), 160u);
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
