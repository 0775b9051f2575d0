#include "catalog/records/identity.h"

#include <atomic>
#include <barrier>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/io/sealed_json.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::catalog {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

class IdentityTest : public testing::Test {
 protected:
  void write(std::string_view content) {
    io::make_directories(layout_.root());
    io::write_file_durably(layout_.identity(), io::as_bytes(content));
  }

  test::TempDirectory directory_;
  store::ServerLayout layout_{directory_ / "main"};
  ServerIdentity kept_{postgres::SystemIdentifier(18446744073709551615u), 18,
                       postgres::WalSegmentSize(64u << 20), 8192};
};

TEST_F(IdentityTest, IsUnknownBeforeTheFirstContact) {
  EXPECT_EQ(read_identity(layout_), std::nullopt);
}

TEST_F(IdentityTest, IsKeptAtTheFirstContact) {
  confirm_identity(layout_, kept_);
  EXPECT_EQ(read_identity(layout_), kept_);
}

TEST_F(IdentityTest, IsConfirmedByTheSameServer) {
  confirm_identity(layout_, kept_);
  EXPECT_NO_THROW(confirm_identity(layout_, kept_));
}

TEST_F(IdentityTest, RefusesAnotherServerNamingBothSidesAndTheWaysOut) {
  confirm_identity(layout_, kept_);
  auto other = kept_;
  other.system = postgres::SystemIdentifier(42);
  EXPECT_THAT([&] { confirm_identity(layout_, other); },
              ThrowsMessage<Refused>(AllOf(HasSubstr("18446744073709551615"), HasSubstr("42"),
                                           HasSubstr("conninfo"), HasSubstr("new server name"))));
  EXPECT_EQ(read_identity(layout_), kept_);
}

TEST_F(IdentityTest, RefusesAnyOtherDifference) {
  confirm_identity(layout_, kept_);
  auto upgraded = kept_;
  upgraded.major_version = 17;
  EXPECT_THROW(confirm_identity(layout_, upgraded), Refused);
  auto resized = kept_;
  resized.wal_segment_size = postgres::WalSegmentSize(16u << 20);
  EXPECT_THROW(confirm_identity(layout_, resized), Refused);
}

TEST_F(IdentityTest, IsKeptOnceWhenManyMakeFirstContactAtOnce) {
  constexpr int kContacts = 8;
  for (int round = 0; round < 20; ++round) {
    const store::ServerLayout layout(directory_ / std::to_string(round));
    std::barrier start(kContacts);
    std::vector<std::jthread> contacts;
    for (int i = 0; i < kContacts; ++i) {
      contacts.emplace_back([&] {
        start.arrive_and_wait();
        EXPECT_NO_THROW(confirm_identity(layout, kept_));
      });
    }
    contacts.clear();
    EXPECT_EQ(read_identity(layout), kept_);
  }
}

TEST_F(IdentityTest, RefusesTheSecondOfTwoServersAtOnce) {
  auto other = kept_;
  other.system = postgres::SystemIdentifier(42);
  for (int round = 0; round < 20; ++round) {
    const store::ServerLayout layout(directory_ / std::to_string(round));
    std::barrier start(2);
    std::atomic<int> refused = 0;
    const auto contact = [&](const ServerIdentity& answered) {
      start.arrive_and_wait();
      try {
        confirm_identity(layout, answered);
      } catch (const Refused&) {
        ++refused;
      }
    };
    {
      std::jthread one([&] { contact(kept_); });
      std::jthread two([&] { contact(other); });
    }
    EXPECT_EQ(refused, 1);
  }
}

TEST_F(IdentityTest, NamesAFileThatCannotBeUnderstood) {
  for (
      const auto* content :
      {"{\"x\":1}", "[1]", "{\"format\":2}",
       R"({"format":1,"system_identifier":"x","major_version":18,"wal_segment_size":1048576,"block_size":8192})",
       R"({"format":1,"system_identifier":"1","major_version":18,"wal_segment_size":1048577,"block_size":8192})",
       R"({"format":1,"system_identifier":"1","major_version":18,"wal_segment_size":1048576,"block_size":-1})"}) {
    for (const auto& text : {std::string(content), io::seal_json(content)}) {
      write(text);
      EXPECT_THAT([&] { read_identity(layout_); },
                  ThrowsMessage<Corruption>(HasSubstr(layout_.identity().native())))
          << text;
    }
  }
}

}  // namespace
}  // namespace pgkeep::catalog
