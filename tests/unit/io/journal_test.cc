#include "catalog/io/journal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::io {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class JournalTest : public testing::Test {
 protected:
  void append(std::string line) { JournalAppender(path_).append(std::move(line)); }
  void write_at_the_end(std::string_view text) {
    auto file = File::open_or_create(path_);
    file.write_at(as_bytes(text), file.size());
    file.close();
  }

  test::TempDirectory directory_;
  std::filesystem::path path_ = directory_ / "journal";
};

TEST_F(JournalTest, HasNoLinesBeforeTheFirst) {
  EXPECT_THAT(read_journal(path_).lines, IsEmpty());
}

TEST_F(JournalTest, ReadsBackItsLines) {
  append("one");
  append("two");
  EXPECT_THAT(read_journal(path_).lines, ElementsAre("one", "two"));
}

TEST_F(JournalTest, GoesOnReadingWhereItEnded) {
  append("one");
  const auto end = read_journal(path_).end;
  append("two");
  EXPECT_THAT(read_journal(path_, end).lines, ElementsAre("two"));
}

TEST_F(JournalTest, EndsALineThatWasCutBeforeTheNext) {
  append("one");
  write_at_the_end("tw");
  EXPECT_THAT(read_journal(path_).lines, ElementsAre("one"));
  append("three");
  EXPECT_THAT(read_journal(path_).lines, ElementsAre("one", "tw", "three"));
}

TEST_F(JournalTest, RefusesToGoOnWhereNoLineBegins) {
  append("one");
  EXPECT_THROW(read_journal(path_, 2), Corruption);
  EXPECT_THROW(read_journal(path_, 5), Corruption);
  EXPECT_THROW(read_journal(directory_ / "gone", 4), Corruption);
}

}  // namespace
}  // namespace pgkeep::io
