#include "streaming/wire/wal_message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "catalog/io/hashing.h"

namespace pgkeep::streaming {
namespace {

using postgres::Lsn;

io::ByteVector from_hex(std::string_view hex) {
  io::ByteVector bytes(hex.size() / 2);
  io::from_hex(hex, bytes);
  return bytes;
}

constexpr std::string_view kWal = "77000000010000000000000002000000000000000000000001aabbcc";
constexpr std::string_view kKeepalive = "6b00000001000000ff000000000000000101";

TEST(WalMessageTest, ReadsWalData) {
  const auto message = from_hex(kWal);
  const auto wal = std::get<WalData>(parse_wal_message(message));
  EXPECT_EQ(wal.start, Lsn(0x1'0000'0000));
  EXPECT_EQ(wal.server_end, Lsn(0x2'0000'0000));
  EXPECT_EQ(io::format_rfc3339(wal.sent), "2000-01-01T00:00:00.000001Z");
  EXPECT_EQ(io::to_hex(wal.data), "aabbcc");
}

TEST(WalMessageTest, AcceptsWalDataWithoutBytes) {
  const auto message = from_hex(kWal.substr(0, 50));
  EXPECT_TRUE(std::get<WalData>(parse_wal_message(message)).data.empty());
}

TEST(WalMessageTest, ReadsAKeepaliveThatWantsAReply) {
  const auto keepalive = std::get<Keepalive>(parse_wal_message(from_hex(kKeepalive)));
  EXPECT_EQ(keepalive.server_end, Lsn(0x1'0000'00ff));
  EXPECT_EQ(io::format_rfc3339(keepalive.sent), "2000-01-01T00:00:00.000001Z");
  EXPECT_TRUE(keepalive.reply_now);
}

TEST(WalMessageTest, ReadsAKeepaliveThatWantsNone) {
  auto message = from_hex(kKeepalive);
  message.back() = std::byte{0};
  EXPECT_FALSE(std::get<Keepalive>(parse_wal_message(message)).reply_now);
}

TEST(WalMessageTest, RefusesAKeepaliveCutAnywhere) {
  const auto message = from_hex(kKeepalive);
  for (std::size_t size = 0; size < message.size(); ++size) {
    EXPECT_THROW(parse_wal_message(io::ByteView(message).first(size)), ProtocolError) << size;
  }
}

TEST(WalMessageTest, RefusesWalDataCutInItsHeader) {
  const auto message = from_hex(kWal);
  for (std::size_t size = 0; size < 25; ++size) {
    EXPECT_THROW(parse_wal_message(io::ByteView(message).first(size)), ProtocolError) << size;
  }
}

TEST(WalMessageTest, RefusesEveryOtherType) {
  for (int type = 0; type < 256; ++type) {
    if (type == 'w' || type == 'k') continue;
    io::ByteVector message(40);
    message[0] = static_cast<std::byte>(type);
    EXPECT_THROW(parse_wal_message(message), ProtocolError) << type;
  }
}

TEST(WalMessageTest, RefusesWalPastTheLastLsn) {
  const auto message = from_hex("77fffffffffffffffe00000000000000000000000000000000aabbcc");
  EXPECT_THROW(parse_wal_message(message), ProtocolError);
}

TEST(WalMessageTest, SurvivesATimeThatCannotBe) {
  const auto message = from_hex("6b00000000000000017fffffffffffffff00");
  EXPECT_NO_THROW(parse_wal_message(message));
}

TEST(StatusMessageTest, HasThePlacesOfTheManual) {
  const auto now = io::from_postgres_time(0x0102030405060708);
  const auto message = status_message(Lsn(0x16'B374'D848), Lsn(0x16'B300'0000), now, true);
  EXPECT_EQ(io::to_hex(message), "7200000016b374d84800000016b30000000000000000000000010203040506070801");
}

TEST(StatusMessageTest, AsksForNoReplyUnlessTold) {
  const auto message = status_message(Lsn(1), Lsn(1), io::from_postgres_time(0), false);
  EXPECT_EQ(message.back(), std::byte{0});
}

TEST(StatusMessageTest, NeverReportsAnythingApplied) {
  const auto message = status_message(Lsn(~0ull), Lsn(~0ull), io::from_postgres_time(-1), true);
  EXPECT_TRUE(io::all_zero(io::ByteView(message).subspan(17, 8)));
}

}  // namespace
}  // namespace pgkeep::streaming
