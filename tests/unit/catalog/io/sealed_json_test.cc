#include "catalog/io/sealed_json.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "catalog/io/error.h"
#include "catalog/io/hashing.h"
#include "catalog/io/json.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::io {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;
using testing::ThrowsMessage;

int number_in(const nlohmann::json& json) {
  return whole_number<int>(json.at("a"));
}

class SealedJsonTest : public testing::Test {
 protected:
  std::optional<int> read() const { return read_sealed_json(path_, 100, "restore it", number_in); }
  void put(std::string_view text) const { write_file_durably(path_, as_bytes(text)); }
  /// Of reading a file with this text.
  std::string refusal_of(std::string_view text) const {
    put(text);
    try {
      read();
    } catch (const Corruption& error) {
      return error.what();
    }
    return "none";
  }

  test::TempDirectory folder_;
  std::filesystem::path path_ = folder_ / "a.json";
};

TEST(SealedTextTest, EndsWithTheChecksumOfWhatComesBeforeItsLastComma) {
  EXPECT_EQ(seal_json(R"({"a":1,"b":2})"),
            fmt::format(R"({{"a":1,"b":2,"crc32c":"{:08x}"}})", crc32c(as_bytes(R"({"a":1,"b":2)"))));
  EXPECT_EQ(seal_json("{\n  \"a\": 1\n}"),
            fmt::format("{{\n  \"a\": 1,\n  \"crc32c\": \"{:08x}\"\n}}", crc32c(as_bytes("{\n  \"a\": 1"))));
}

TEST(SealedTextTest, StaysWhatRepositoriesHaveStored) {
  EXPECT_EQ(seal_json(R"({"a":1})"), R"({"a":1,"crc32c":"149cdbb2"})");
}

TEST(SealedTextTest, IsReadOnOneLineOrOnMany) {
  for (const std::string text : {R"({"a":1})", "{\n  \"a\": 1\n}"}) {
    EXPECT_EQ(number_in(parse_sealed_json(seal_json(text))), 1);
    EXPECT_EQ(number_in(parse_sealed_json(seal_json(text) + "\n")), 1);
  }
}

TEST(SealedTextTest, EveryFlippedBitAndEveryCutIsFound) {
  for (const std::string text : {R"({"a":1,"b":"x, y"})", "{\n  \"a\": 1,\n  \"b\": 2\n}"}) {
    const auto sound = seal_json(text) + "\n";
    for (std::size_t at = 0; at + 1 < sound.size(); ++at) {
      EXPECT_THROW(parse_sealed_json(sound.substr(0, at)), Corruption) << at;
      for (int bit = 0; bit < 8; ++bit) {
        auto flipped = sound;
        flipped[at] = static_cast<char>(flipped[at] ^ (1 << bit));
        EXPECT_THROW(parse_sealed_json(flipped), Corruption) << flipped;
      }
    }
  }
}

TEST_F(SealedJsonTest, IsReadAsItWasWritten) {
  EXPECT_EQ(read(), std::nullopt);
  write_sealed_json(path_, {{"a", 7}});
  EXPECT_EQ(read(), 7);
}

TEST_F(SealedJsonTest, SaysWhatIsWrongWhereAndTheWayOut) {
  const auto says = [&](const char* what) {
    return AllOf(StartsWith(path_.native() + ": "), HasSubstr(what), testing::EndsWith("; restore it"));
  };
  EXPECT_THAT(refusal_of(""), says("has no checksum"));
  EXPECT_THAT(refusal_of(R"({"a":1})"), says("has no checksum"));
  EXPECT_THAT(refusal_of(R"({"a":1,"crc32c":"00000000"})"), says("its checksum does not fit"));
  EXPECT_THAT(refusal_of(seal_json(R"({"a")")), says("parse error"));
  EXPECT_THAT(refusal_of(seal_json(R"({"b":1})")), says("key 'a' not found"));
  EXPECT_THAT(refusal_of(std::string(101, ' ')), HasSubstr(path_.native() + ": is 101 bytes long"));
}

TEST_F(SealedJsonTest, WhatAValueThrowsIsDamageOfTheFileUnlessItIsARefusal) {
  const auto fails_with = [&](auto error) {
    return [this, error] {
      read_sealed_json(path_, 100, "restore it", [&](const nlohmann::json&) -> int { throw error; });
    };
  };
  write_sealed_json(path_, {{"a", 7}});
  EXPECT_THAT(fails_with(Error("odd")), ThrowsMessage<Corruption>(path_.native() + ": odd; restore it"));
  EXPECT_THAT(fails_with(std::invalid_argument("odd")),
              ThrowsMessage<Corruption>(path_.native() + ": odd; restore it"));
  EXPECT_THAT(fails_with(Refused("newer")), ThrowsMessage<Refused>("newer"));
}

}  // namespace
}  // namespace pgkeep::io
