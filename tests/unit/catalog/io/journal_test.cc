#include "catalog/io/journal.h"

#include <algorithm>
#include <csignal>
#include <optional>
#include <thread>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "catalog/io/error.h"
#include "catalog/io/sealed_json.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::io {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class JournalTest : public testing::Test {
 protected:
  void append(std::string line) { JournalAppender(path_).append(std::move(line)); }
  ino_t inode() const {
    struct stat status {};
    ::stat(path_.c_str(), &status);
    return status.st_ino;
  }
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

TEST_F(JournalTest, WritesItsLinesAgainToAnotherFile) {
  append("one");
  const auto before = inode();
  JournalAppender(path_).write_again();
  EXPECT_NE(inode(), before);  // an fsync of the same pages would prove nothing
  EXPECT_THAT(read_journal(path_).lines, ElementsAre("one"));
}

TEST_F(JournalTest, WhoWaitedAppendsToTheFileThatWasWrittenAgain) {
  append("one");
  std::optional<JournalAppender> first(path_);
  std::jthread second([&] { append("two"); });
  // Either it waits by now for the file that goes, or it finds the new one.
  first->write_again();
  first.reset();
  second.join();
  EXPECT_THAT(read_journal(path_).lines, ElementsAre("one", "two"));
}

TEST_F(JournalTest, TakesBackALineThatWasNotWritten) {
  append("one");
  const auto child = ::fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{.rlim_cur = 100, .rlim_max = 100};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    try {
      append(std::string(200, 'x'));
    } catch (const StorageError&) {
      ::_exit(0);
    }
    ::_exit(1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(std::filesystem::file_size(path_), 4u);
}

TEST_F(JournalTest, RefusesToGoOnWhereNoLineBegins) {
  append("one");
  EXPECT_THROW(read_journal(path_, 2), Corruption);
  EXPECT_THROW(read_journal(path_, 5), Corruption);
  EXPECT_THROW(read_journal(directory_ / "gone", 4), Corruption);
}

class JournalBackwardsTest : public JournalTest {
 protected:
  std::vector<std::string> lines() {
    std::vector<std::string> lines;
    JournalBackwards journal(path_);
    while (const auto line = journal.previous()) lines.emplace_back(*line);
    return lines;
  }
  void overwrite(std::uint64_t at, std::string_view text) {
    auto file = File::open_or_create(path_);
    file.write_at(as_bytes(text), at);
    file.close();
  }
};

TEST_F(JournalBackwardsTest, HasNoLinesBeforeTheFirst) {
  EXPECT_THAT(lines(), IsEmpty());
  write_at_the_end("o");
  EXPECT_THAT(lines(), IsEmpty());
}

TEST_F(JournalBackwardsTest, HasTheSameLinesAsTheJournal) {
  std::vector<std::string> written;
  for (std::size_t bytes = 1; bytes < 300'000; bytes = bytes * 3 / 2 + 1)  // of one block, and of several
    written.emplace_back(bytes, static_cast<char>('a' + written.size() % 26));
  for (const auto& line : written) append(line);
  std::ranges::reverse(written);
  EXPECT_EQ(lines(), written);
}

TEST_F(JournalBackwardsTest, HasEmptyLines) {
  write_at_the_end("\n\none\n\n");
  EXPECT_THAT(lines(), ElementsAre("", "one", "", ""));
}

TEST_F(JournalBackwardsTest, PassesOverALineThatIsNotWhole) {
  append("one");
  write_at_the_end(std::string(200'000, 'x'));
  EXPECT_THAT(lines(), ElementsAre("one"));
}

TEST_F(JournalBackwardsTest, FindsTheLastLinesWithoutReadingTheJournalFromItsStart) {
  append("one");
  {  // a journal of 1 TiB, of which nearly nothing is there
    auto file = File::open_or_create(path_);
    file.write_at(as_bytes("\ntwo\nthree\n"), std::uint64_t{1} << 40);
    file.close();
  }
  JournalBackwards journal(path_);
  EXPECT_EQ(journal.previous(), "three");
  EXPECT_EQ(journal.previous(), "two");
}

TEST_F(JournalBackwardsTest, PassesOverALineThatIsTakenBackMeanwhile) {
  append("one");
  append("two");
  for (const auto bytes : {10, 70'000, 200'000}) {
    const auto before = std::filesystem::file_size(path_);
    append(std::string(static_cast<std::size_t>(bytes), 'x'));
    JournalBackwards journal(path_);
    std::filesystem::resize_file(path_, before);
    EXPECT_EQ(journal.previous(), "two") << bytes;
    EXPECT_EQ(journal.previous(), "one") << bytes;
    EXPECT_EQ(journal.previous(), std::nullopt) << bytes;
  }
}

TEST_F(JournalBackwardsTest, PassesOverALineThatIsTakenBackWhenItsEndWasRead) {
  append("one");
  append(std::string(200'000, 'x'));
  append("three");
  JournalBackwards journal(path_);
  EXPECT_EQ(journal.previous(), "three");
  std::filesystem::resize_file(path_, 4);
  EXPECT_EQ(journal.previous(), "one");
  EXPECT_EQ(journal.previous(), std::nullopt);
}

TEST_F(JournalBackwardsTest, PassesOverWhatIsTooLongForALine) {
  append("one");
  {
    auto file = File::open_or_create(path_);
    file.write_at(as_bytes("\ntwo\n"), 5 * kLongestLine);  // after zeroes
    file.close();
  }
  EXPECT_THAT(lines(), ElementsAre("two", "one"));
}

class DamagedLinesTest : public JournalBackwardsTest {
 protected:
  DamagedLinesTest() {
    for (const auto* word : {"one", "two", "three"})
      append(seal_json(std::string("{\"a\":\"") + word + "\"}"));
    length_ = std::filesystem::file_size(path_);
  }
  std::uint64_t length_ = 0;
};

TEST_F(DamagedLinesTest, AreNoneOfASoundJournal) {
  EXPECT_THAT(damaged_lines(path_), IsEmpty());
  EXPECT_THAT(damaged_lines(directory_ / "none"), IsEmpty());
}

TEST_F(DamagedLinesTest, AreNamedWhereverOneByteWasChanged) {
  const auto content = std::string(as_text(read_whole_file(path_, length_)));
  std::uint64_t number = 1;
  for (std::uint64_t at = 0; at < length_; ++at) {
    if (content[at] == '\n') {
      ++number;
      continue;
    }
    overwrite(at, std::string(1, static_cast<char>(content[at] ^ 1)));
    EXPECT_THAT(damaged_lines(path_), ElementsAre(number)) << "byte " << at;
    overwrite(at, content.substr(at, 1));
  }
}

TEST_F(DamagedLinesTest, AreNotThoseThatACrashHasCut) {
  write_at_the_end(R"({"a":"fo)");
  EXPECT_THAT(damaged_lines(path_), IsEmpty());
  append(seal_json(R"({"a":"five"})"));
  EXPECT_THAT(damaged_lines(path_), IsEmpty());
}

TEST_F(DamagedLinesTest, AreNotThoseThatACrashHasCutAnywhere) {
  const auto line = seal_json(R"({"a":{"b":"x,y","c":[1,{"d":2}]},"e":"crc32c","f":{"g":{}}})");
  for (std::size_t bytes = 1; bytes <= line.size(); ++bytes) {
    std::filesystem::resize_file(path_, length_);
    write_at_the_end(line.substr(0, bytes));
    EXPECT_THAT(damaged_lines(path_), IsEmpty()) << line.substr(0, bytes);
    append(seal_json(R"({"a":"five"})"));
    EXPECT_THAT(damaged_lines(path_), IsEmpty()) << line.substr(0, bytes);
  }
}

TEST_F(DamagedLinesTest, AreNamedWhereWhatIsLeftOfACutChecksumDoesNotFit) {
  write_at_the_end(R"({"a":"four","crc32c":"x)");
  EXPECT_THAT(damaged_lines(path_), ElementsAre(4));
}

TEST_F(DamagedLinesTest, AreNamedAtTheEndWithoutANewline) {
  overwrite(length_ - 1, "x");
  EXPECT_THAT(damaged_lines(path_), ElementsAre(3));
}

TEST_F(DamagedLinesTest, AreThoseThatAreTooLong) {
  {
    auto file = File::open_or_create(path_);
    file.write_at(as_bytes("\n"), 5 * kLongestLine);
    file.close();
  }
  append(seal_json(R"({"a":"five"})"));
  EXPECT_THAT(damaged_lines(path_), ElementsAre(4));
  std::filesystem::resize_file(path_, 10 * kLongestLine);
  EXPECT_THAT(damaged_lines(path_), ElementsAre(4, 6));
}

TEST_F(DamagedLinesTest, AreFoundBeyondTheFirstBlock) {
  append(seal_json("{\"a\":\"" + std::string(200'000, 'x') + "\"}"));
  append(seal_json(R"({"a":"five"})"));
  overwrite(length_ + 100'000, "y");
  EXPECT_THAT(damaged_lines(path_), ElementsAre(4));
}

}  // namespace
}  // namespace pgkeep::io
