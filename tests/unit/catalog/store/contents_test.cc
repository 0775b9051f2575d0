#include "catalog/store/contents.h"

#include <gmock/gmock.h>

#include "catalog/io/error.h"
#include "tests/unit/catalog/store/store_fixture.h"

namespace pgkeep::store {
namespace {

Contents sample() {
  Contents contents;
  contents.files = {{.first = std::string("a\0\xFF", 3),
                     .object = {1, 2},
                     .base = {3, 4},
                     .bytes = 5,
                     .crc32c = 6,
                     .entries = 7},
                    {.first = "b",
                     .object = {4294967294u, 4095},
                     .base = {},
                     .bytes = kPieceBytes,
                     .crc32c = 4294967295u,
                     .entries = 0}};
  contents.manifest = {{.first = "{", .object = {9, 0}, .base = {}, .bytes = 1, .crc32c = 2, .entries = 3}};
  return contents;
}

TEST(ContentsTest, ComeBackAsTheyWere) {
  EXPECT_EQ(decode_contents(encode_contents(sample())), sample());
  EXPECT_EQ(decode_contents(encode_contents({})), Contents());
}

TEST(ContentsTest, CutOrChangedAnywhereTheyAreReadOrRefused) {
  const auto sound = encode_contents(sample());
  for (std::size_t length = 0; length < sound.size(); ++length)
    EXPECT_THROW(decode_contents(io::ByteView(sound).first(length)), Corruption) << length;
  for (std::size_t at = 0; at < sound.size(); ++at) {
    auto changed = sound;
    changed[at] ^= std::byte{0x10};
    try {
      decode_contents(changed);
    } catch (const Corruption&) {
      // The digest in the record notices what this does not.
    }
  }
}

TEST(ContentsTest, ThatClaimEndlessBytesAreRefused) {
  auto bytes = encode_contents(sample());
  io::store_le<std::uint32_t>(&bytes[12], 0xFFFFFFFF);
  EXPECT_THROW(decode_contents(bytes), Corruption);
  auto contents = sample();
  contents.files[0].bytes = kPieceBytes + 1;
  EXPECT_THROW(decode_contents(encode_contents(contents)), Corruption);
  for (const auto ref : {&Section::object, &Section::base}) {  // a bit is kept for each object up to it
    auto endless = sample();
    (endless.files[0].*ref).object = 0xFFFFFFFF;
    EXPECT_THROW(decode_contents(encode_contents(endless)), Corruption);
  }
}

}  // namespace
}  // namespace pgkeep::store
