#include "catalog/retention/retention_marks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/io/sealed_json.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::catalog {
namespace {

class RetentionMarksTest : public testing::Test {
 protected:
  RetentionMarksTest() {
    layout_.make();
    io::make_directories(layout_.backup(id_));
  }
  RetentionMarks change(const std::function<void(RetentionMarks&)>& how) const {
    return change_retention_marks(layout_, id_, how);
  }

  test::TempDirectory directory_;
  store::ServerLayout layout_{directory_ / "main"};
  store::BackupId id_ = store::BackupId::parse("20261120T020000Z").value();
  io::TimePoint now_ = io::parse_rfc3339("2026-11-21T03:00:00.25Z").value();
};

TEST_F(RetentionMarksTest, AreNoneWhereNothingWasDecided) {
  EXPECT_EQ(read_retention_marks(layout_, id_), RetentionMarks());
}

TEST_F(RetentionMarksTest, AreReadAsTheyWereWritten) {
  RetentionMarks marks;
  marks.expired = {ExpiryMark::By::operator_, now_, "it's \"old\"\n"};
  marks.keep = {now_, now_ + std::chrono::days(9), ""};
  marks.damaged = {now_, "a verification found damage"};
  marks.note = "ä";
  marks.name = "before-upgrade";
  EXPECT_EQ(change([&](RetentionMarks& now) { now = marks; }), marks);
  EXPECT_EQ(read_retention_marks(layout_, id_), marks);
  change([](RetentionMarks& now) { now.keep->standalone = true; });
  EXPECT_TRUE(read_retention_marks(layout_, id_).keep->standalone);
  change([](RetentionMarks& now) { now.keep->standalone = false; });
  marks.keep->until.reset();
  change([](RetentionMarks& now) { now.keep->until.reset(); });
  EXPECT_EQ(read_retention_marks(layout_, id_), marks);
}

TEST_F(RetentionMarksTest, OfABackupThatIsKeptSayWithoutTheWordThatItDoesNotStandAlone) {
  io::write_file_durably(
      layout_.retention_marks(id_),
      io::as_bytes(io::seal_json(
          R"({"format":1,"expired":null,"keep":{"at":"2026-11-21T03:00:00Z","until":null,"why":"x"},"damaged":null,"note":"","name":""})")));
  EXPECT_FALSE(read_retention_marks(layout_, id_).keep->standalone);
}

TEST_F(RetentionMarksTest, LeaveNoFileWhenNothingIsMarked) {
  change([](RetentionMarks& marks) { marks.note = "x"; });
  EXPECT_TRUE(std::filesystem::exists(layout_.retention_marks(id_)));
  change([](RetentionMarks& marks) { marks.note.clear(); });
  EXPECT_FALSE(std::filesystem::exists(layout_.retention_marks(id_)));
}

TEST_F(RetentionMarksTest, ThatAreDamagedAreNeitherReadNorReplaced) {
  for (
      const auto* text :
      {R"({"x":1})", R"({"a":{)", "[1]", R"({"format":2})",
       R"({"format":1,"expired":{"by":"me","at":"2026-11-21T03:00:00Z","why":""},"keep":null,"damaged":null,"note":"","name":""})",
       R"({"format":1,"expired":null,"keep":{"at":"now","until":null,"why":""},"damaged":null,"note":"","name":""})"}) {
    for (const auto& content : {std::string(text), io::seal_json(text)}) {
      io::write_file_durably(layout_.retention_marks(id_), io::as_bytes(content));
      EXPECT_THROW(read_retention_marks(layout_, id_), Corruption) << content;
      EXPECT_THROW(change([](RetentionMarks& marks) { marks.note = "x"; }), Corruption) << content;
    }
  }
}

}  // namespace
}  // namespace pgkeep::catalog
