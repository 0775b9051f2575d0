#include "catalog/records/made_slots.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/io/lock.h"
#include "catalog/io/sealed_json.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::catalog {
namespace {

using testing::SizeIs;

constexpr postgres::SystemIdentifier kCluster{7710112584741425143};
constexpr postgres::SystemIdentifier kAnother{7710112584741425144};
const postgres::Endpoint kHost("db1", "5432");
const postgres::Endpoint kOtherHost("db2", "5432");

class MadeSlotsTest : public testing::Test {
 protected:
  test::TempDirectory directory_;
  store::ServerLayout layout_{directory_.path()};
  MadeSlots slots_{layout_};
};

TEST_F(MadeSlotsTest, HasNoneBeforeTheFirst) {
  EXPECT_FALSE(slots_.has("pgkeep", kCluster));
}

TEST_F(MadeSlotsTest, KnowsASlotByItsNameAndItsCluster) {
  slots_.add("pgkeep", kCluster, kHost);
  EXPECT_TRUE(slots_.has("pgkeep", kCluster));
  EXPECT_FALSE(slots_.has("pgkeep", kAnother));
  EXPECT_FALSE(slots_.has("standby", kCluster));
}

TEST_F(MadeSlotsTest, HasASlotOnceHoweverOftenItWasMade) {
  slots_.add("pgkeep", kCluster, kHost);
  slots_.add("pgkeep", kCluster, kHost);
  EXPECT_THAT(slots_.read(), SizeIs(1));
}

TEST_F(MadeSlotsTest, ForgetsASlotThatWasDropped) {
  slots_.add("pgkeep", kCluster, kHost);
  slots_.add("pgkeep", kAnother, kHost);
  slots_.remove("pgkeep", kCluster);
  slots_.remove("unknown", kCluster);
  EXPECT_FALSE(slots_.has("pgkeep", kCluster));
  EXPECT_TRUE(slots_.has("pgkeep", kAnother));
}

TEST_F(MadeSlotsTest, KnowsOnWhichHostASlotWasMade) {
  slots_.add("pgkeep", kCluster, kHost);
  EXPECT_TRUE(slots_.has("pgkeep", kCluster, kHost));
  EXPECT_FALSE(slots_.has("pgkeep", kCluster, kOtherHost));
  slots_.add("pgkeep", kCluster, kOtherHost);
  slots_.remove("pgkeep", kCluster, kHost);
  EXPECT_FALSE(slots_.has("pgkeep", kCluster, kHost));
  EXPECT_TRUE(slots_.has("pgkeep", kCluster, kOtherHost));
}

TEST_F(MadeSlotsTest, DoesNotTakeASlotForItsOwnThatWasOnlyIntended) {
  slots_.intend("pgkeep", kCluster, kHost);
  EXPECT_FALSE(slots_.has("pgkeep", kCluster));
  EXPECT_THAT(slots_.read(), SizeIs(1));
  slots_.add("pgkeep", kCluster, kHost);
  EXPECT_TRUE(slots_.has("pgkeep", kCluster, kHost));
  EXPECT_THAT(slots_.read(), SizeIs(1));
}

TEST_F(MadeSlotsTest, ForgetsAnIntentionButNotASlotThatWasMade) {
  slots_.intend("pgkeep", kCluster, kHost);
  slots_.take_back("pgkeep", kCluster, kHost);
  EXPECT_THAT(slots_.read(), SizeIs(0));
  slots_.add("pgkeep", kCluster, kHost);
  slots_.intend("pgkeep", kCluster, kHost);
  slots_.take_back("pgkeep", kCluster, kHost);
  EXPECT_TRUE(slots_.has("pgkeep", kCluster, kHost));
}

TEST_F(MadeSlotsTest, DoesNotWaitForEverForWhoeverHoldsIt) {
  io::make_directories(layout_.made_slots_lock().parent_path());
  const auto holder = io::File::open_or_create(layout_.made_slots_lock());
  io::lock_alone(holder);
  EXPECT_THROW(MadeSlots(layout_).intend("pgkeep", postgres::SystemIdentifier(1), kHost), Busy);
}

TEST_F(MadeSlotsTest, RefusesWhatCannotBeUnderstood) {
  constexpr std::string_view kSound =
      R"({"slots":[{"name":"x","system_identifier":"7","host":"h:1","state":"made","created":"2026-11-20T09:00:00Z"}]})";
  const auto put = [&](std::string_view text) {
    io::write_file_durably(layout_.made_slots(), io::as_bytes(text));
  };
  put(io::seal_json(std::string(kSound)));
  EXPECT_THAT(slots_.read(), SizeIs(1));
  for (const std::string part : {"slots", "name", "\"7\"", "\"host\"", "\"made\"", "2026"}) {
    std::string text(kSound);
    text.replace(text.find(part), part.size(), part.starts_with('"') ? "\"?\"" : "?");
    put(io::seal_json(text));
    EXPECT_THROW(slots_.read(), Corruption) << text;
  }
  put(kSound);
  EXPECT_THROW(slots_.read(), Corruption) << "without its checksum";
}

}  // namespace
}  // namespace pgkeep::catalog
