#include "catalog/io/hashing.h"

#include <array>
#include <random>
#include <utility>

#include <gtest/gtest.h>

#include "catalog/io/error.h"

namespace pgkeep::io {
namespace {

ByteVector some_bytes(std::size_t size, unsigned seed) {
  std::mt19937 random(seed);
  ByteVector bytes(size);
  for (auto& byte : bytes) byte = static_cast<std::byte>(random());
  return bytes;
}

DigestKey counting_key() {
  DigestKey key;
  for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<std::byte>(i);
  return key;
}

TEST(Crc32cTest, MatchesThePublishedVectors) {  // RFC 3720, appendix B.4
  ByteVector ascending(32);
  for (std::size_t i = 0; i < 32; ++i) ascending[i] = static_cast<std::byte>(i);
  EXPECT_EQ(crc32c({}), 0U);
  EXPECT_EQ(crc32c(as_bytes("123456789")), 0xe3069283);
  EXPECT_EQ(crc32c(ByteVector(32)), 0x8a9136aa);
  EXPECT_EQ(crc32c(ByteVector(32, std::byte{0xff})), 0x62a8ab43);
  EXPECT_EQ(crc32c(ascending), 0x46dd794e);
}

TEST(Crc32cTest, CanBeFedInPieces) {
  const auto bytes = some_bytes(20'000, 4);
  const ByteView all(bytes);
  for (const std::size_t cut : {0, 1, 7, 4096, 13'000, 20'000}) {
    EXPECT_EQ(crc32c(all.subspan(cut), crc32c(all.first(cut))), crc32c(all)) << cut;
  }
}

TEST(Crc32cTest, CombinesToThatOfTheWhole) {
  const auto bytes = some_bytes(5'000, 5);
  const ByteView all(bytes);
  for (std::size_t cut = 0; cut <= all.size(); cut += cut < 40 ? 1 : 97) {
    const auto combined = crc32c_combine(crc32c(all.first(cut)), crc32c(all.subspan(cut)), all.size() - cut);
    ASSERT_EQ(combined, crc32c(all)) << cut;
  }
}

TEST(Crc32cTest, CombinesOverLengthsThatNobodyCouldHash) {
  // In steps or at once must be the same: (a, then 2^40 zeroes, then 2^40 zeroes) = (a, then 2^41 zeroes).
  constexpr std::uint64_t kLength = 1ULL << 40;
  const auto a = crc32c(as_bytes("a"));
  const auto zeroes = crc32c_combine(0, 0, kLength);
  const auto twice = crc32c_combine(zeroes, zeroes, kLength);
  EXPECT_EQ(crc32c_combine(crc32c_combine(a, zeroes, kLength), zeroes, kLength),
            crc32c_combine(a, twice, 2 * kLength));
}

TEST(Sha256Test, OfASourceIsThatOfItsBytes) {
  MemorySource source(as_bytes("abc"));
  EXPECT_EQ(sha256_hex(source), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Sha256Test, MatchesThePublishedVectors) {  // FIPS 180-4 examples
  EXPECT_EQ(to_hex(Sha256().finish()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  Sha256 abc;
  abc.update(as_bytes("abc"));
  EXPECT_EQ(to_hex(abc.finish()), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Sha256Test, IsTheSameInPieces) {
  const auto bytes = some_bytes(1'000, 6);
  Sha256 whole;
  whole.update(bytes);
  Sha256 pieces;
  pieces.update(ByteView(bytes).first(63));
  pieces.update({});
  pieces.update(ByteView(bytes).subspan(63));
  EXPECT_EQ(whole.finish(), pieces.finish());
}

TEST(PageDigestTest, MatchesThePublishedVectors) {  // highwayhash_test.cc: of the bytes 0, 1, 2 …
  constexpr std::array<std::pair<std::size_t, std::uint64_t>, 12> kVectors{{{0, 0x907a56de22c26e53},
                                                                            {1, 0x7eab43aac7cddd78},
                                                                            {2, 0xb8d0569ab0b53d62},
                                                                            {3, 0x5c6befab8a463d80},
                                                                            {4, 0xf205a46893007eda},
                                                                            {15, 0x40793f86a449f33b},
                                                                            {16, 0xcfab3489f97eb832},
                                                                            {31, 0x9fc7007ccf035a68},
                                                                            {32, 0xa0c964d9ecd580fc},
                                                                            {33, 0x2c90f73ca03181fc},
                                                                            {63, 0xab8eebe9bf2139a0},
                                                                            {64, 0x75542c5d4cd2a6ff}}};
  ByteVector ascending(64);
  for (std::size_t i = 0; i < ascending.size(); ++i) ascending[i] = static_cast<std::byte>(i);
  for (const auto& [length, digest] : kVectors)
    EXPECT_EQ(page_digest(ByteView(ascending).first(length), counting_key()), digest) << length;
}

TEST(PageDigestTest, StaysWhatRepositoriesHaveStored) {
  EXPECT_EQ(page_digest(ByteVector(8192), counting_key()), 0x6599826a3843bd7fU);
  EXPECT_EQ(page_digest(as_bytes("pgkeep"), counting_key()), 0xa535fe92fee35280U);
}

TEST(PageDigestTest, DependsOnEveryByteOfThePageAndOnTheKey) {
  auto page = some_bytes(8192, 7);
  auto key = counting_key();
  const auto digest = page_digest(page, key);
  for (auto& byte : page) {
    byte ^= std::byte{1};
    ASSERT_NE(page_digest(page, key), digest);
    byte ^= std::byte{1};
  }
  for (auto& byte : key) {
    byte ^= std::byte{1};
    ASSERT_NE(page_digest(page, key), digest);
    byte ^= std::byte{1};
  }
}

TEST(RandomBytesTest, AreDifferentEachTime) {
  ByteVector one(32);
  ByteVector two(32);
  random_bytes(one);
  random_bytes(two);
  EXPECT_NE(one, two);
  EXPECT_FALSE(all_zero(one));
}

TEST(HexTest, RoundTripsEveryByte) {
  ByteVector bytes(256);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i);
  ByteVector back(256);
  from_hex(to_hex(bytes), back);
  EXPECT_EQ(back, bytes);
  EXPECT_EQ(to_hex(as_bytes("\x01\xab")), "01ab");
}

TEST(HexTest, ReadsCapitals) {
  ByteVector bytes(2);
  from_hex("AbCD", bytes);
  EXPECT_EQ(to_hex(bytes), "abcd");
}

TEST(HexTest, RefusesOtherLengthsAndOtherCharacters) {
  ByteVector bytes(2);
  for (const char* text : {"", "abc", "abcde", "abcdef", "abcg", "0x12", "12 4", "-123"}) {
    EXPECT_THROW(from_hex(text, bytes), Corruption) << text;
  }
}

}  // namespace
}  // namespace pgkeep::io
