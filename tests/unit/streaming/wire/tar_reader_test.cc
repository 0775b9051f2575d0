#include "streaming/wire/tar_reader.h"

#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "tests/support/tar_builder.h"

namespace pgkeep::streaming {
namespace {

using test::tar_directory;
using test::tar_file;
using test::TarHeader;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

/// Writes down what a reader says; the pieces of a body become one.
class Recorder : public TarSink {
 public:
  void entry(const TarEntry& entry) override {
    entries.push_back(entry);
    story += (entry.type == TarEntry::Type::file ? "file " : "directory ") + entry.path + "\n";
  }
  void data(io::ByteView bytes) override { story += io::as_text(bytes); }
  void end_of_file() override { story += "\nend\n"; }

  std::string story;
  std::vector<TarEntry> entries;
};

std::vector<TarEntry> read(std::string_view tar) {
  Recorder recorder;
  TarReader reader(recorder);
  reader.feed(io::as_bytes(tar));
  reader.finish();
  return recorder.entries;
}

TarEntry read_header(const TarHeader& header) {
  Recorder recorder;
  TarReader(recorder).feed(io::as_bytes(header.block()));
  return recorder.entries.at(0);
}

const std::string kTrailer(1024, '\0');
const std::string kArchive = tar_file("backup_label", "START WAL LOCATION: 0/2000028\n") +
                             tar_directory("global/") + tar_file("global/1262", std::string(512, 'x')) +
                             tar_file("empty", "") + tar_file("base/1/2", std::string(700, 'y'));
const std::string kStory =
    "file backup_label\nSTART WAL LOCATION: 0/2000028\n\nend\n"
    "directory global\nfile global/1262\n" +
    std::string(512, 'x') + "\nend\nfile empty\n\nend\nfile base/1/2\n" + std::string(700, 'y') + "\nend\n";

TEST(TarReaderTest, GivesTheSameForEveryCutOfTheStream) {
  const auto tar = kArchive + kTrailer;
  for (std::size_t cut = 0; cut <= tar.size(); ++cut) {
    Recorder recorder;
    TarReader reader(recorder);
    reader.feed(io::as_bytes(tar).first(cut));
    reader.feed(io::as_bytes(tar).subspan(cut));
    reader.finish();
    ASSERT_EQ(recorder.story, kStory) << cut;
  }
}

TEST(TarReaderTest, GivesTheSameForEverySizeOfPieces) {
  const auto tar = kArchive + kTrailer;
  for (std::size_t size = 1; size < 600; ++size) {
    Recorder recorder;
    TarReader reader(recorder);
    for (std::size_t at = 0; at < tar.size(); at += size) reader.feed(io::as_bytes(tar.substr(at, size)));
    reader.finish();
    ASSERT_EQ(recorder.story, kStory) << size;
  }
}

TEST(TarReaderTest, NeedsNoTrailerAsBefore15) {
  EXPECT_EQ(read(kArchive).size(), 5u);
}

TEST(TarReaderTest, RefusesAnArchiveThatEndsInsideAMember) {
  std::vector<std::size_t> borders;
  for (std::size_t cut = 0; cut < kArchive.size(); ++cut) {
    try {
      read(std::string_view(kArchive).substr(0, cut));
      borders.push_back(cut);
    } catch (const ProtocolError&) {
    }
  }
  EXPECT_THAT(borders, ElementsAre(0u, 1024u, 1536u, 2560u, 3072u));
}

TEST(TarReaderTest, RefusesMembersAfterTheTrailer) {
  EXPECT_THROW(read(kTrailer + kArchive), ProtocolError);
}

TEST(TarReaderTest, ReadsModeSizeAndTime) {
  const auto entry = read_header(TarHeader('0', "f", 0777));
  EXPECT_EQ(entry.mode, 0600u);
  EXPECT_EQ(entry.size, 0777u);
  EXPECT_EQ(entry.modified, 014750000000);
}

TEST(TarReaderTest, NormalisesNames) {
  EXPECT_EQ(read(tar_directory("./pg_wal/archive_status/")).at(0).path, "pg_wal/archive_status");
  EXPECT_EQ(read(tar_directory("pg_wal")).at(0).path, "pg_wal");
  EXPECT_EQ(read(tar_directory("./")).at(0).path, "");
  EXPECT_EQ(read(tar_file("./backup_label", "x")).at(0).path, "backup_label");
  EXPECT_EQ(read(tar_file("..hidden", "x")).at(0).path, "..hidden");
}

TEST(TarReaderTest, TakesANameThatFillsItsField) {
  const std::string name(100, 'n');
  EXPECT_EQ(read_header(TarHeader('0', name, 1)).path, name);
}

TEST(TarReaderTest, RefusesNamesThatLeaveTheDirectory) {
  for (const auto* name :
       {"/etc/passwd", "../x", "a/../b", "a/..", "..", "a//b", "a/./b", ".//a", "", ".", "a/", "./"}) {
    EXPECT_THROW(read(tar_file(name, "x")), ProtocolError) << name;
  }
  for (const auto* name : {"/", "/a/", "../", "a/../", "", "a//", "./../", "././"}) {
    EXPECT_THROW(read(tar_directory(name)), ProtocolError) << name;
  }
}

TEST(TarReaderTest, RefusesEveryOtherType) {
  for (int type = 0; type < 256; ++type) {
    if (type == '0' || type == '5') continue;
    EXPECT_THROW(read(TarHeader(static_cast<char>(type), "x", 0).block()), ProtocolError) << type;
  }
}

TEST(TarReaderTest, SaysThatALinkIsALink) {
  EXPECT_THAT([] { read(TarHeader('2', "pg_tblspc/16384", 0).put(157, "/etc").block()); },
              ThrowsMessage<ProtocolError>(HasSubstr("\"pg_tblspc/16384\": it is a link")));
}

TEST(TarReaderTest, RefusesEveryFlippedBitOfAHeader) {
  const auto block = TarHeader('0', "global/pg_control", 0).block();
  for (std::size_t bit = 0; bit < block.size() * 8; ++bit) {
    auto spoilt = block;
    spoilt[bit / 8] = static_cast<char>(spoilt[bit / 8] ^ (1 << (bit % 8)));
    // What follows the digits of the checksum does not count.
    if (bit / 8 == 154 || bit / 8 == 155) continue;
    EXPECT_THROW(read(spoilt), ProtocolError) << bit;
  }
}

TEST(TarReaderTest, ReadsSizesInBase256) {
  const std::string field("\x80\0\0\0\0\0\0\x02\x12\x34\x56\x78", 12);
  EXPECT_EQ(read_header(TarHeader('0', "big", 0).put(124, field)).size, 0x212345678u);
}

TEST(TarReaderTest, RefusesSizesBeyondWhatAFileCanHave) {
  for (const auto& field :
       {std::string("\x80\0\0\0\x80\0\0\0\0\0\0\0", 12), std::string("\x80\0\0\x01\0\0\0\0\0\0\0\0", 12),
        std::string("\x81\0\0\0\0\0\0\0\0\0\0\x01", 12), std::string(12, '\xff')}) {
    EXPECT_THROW(read_header(TarHeader('0', "big", 0).put(124, field)), ProtocolError);
  }
}

TEST(TarReaderTest, RefusesNumbersThatAreNone) {
  for (const auto* field : {"            ", "00000000008 ", "-0000000001 ", "0x000000010 ", " 0000000001 "}) {
    EXPECT_THROW(read_header(TarHeader('0', "f", 0).put(124, field)), ProtocolError) << field;
  }
  EXPECT_THROW(read_header(TarHeader('0', "f", 0).put(100, "0010000 ")), ProtocolError);
}

TEST(TarReaderTest, RefusesADirectoryWithASize) {
  EXPECT_THROW(read_header(TarHeader('5', "d/", 1)), ProtocolError);
}

TEST(TarReaderTest, RefusesOtherFormatsOfTar) {
  EXPECT_THROW(read_header(TarHeader('0', "f", 0).put(257, std::string_view("ustar  \0", 8))), ProtocolError);
  EXPECT_THROW(read_header(TarHeader('0', "f", 0).put(345, "etc")), ProtocolError);
}

}  // namespace
}  // namespace pgkeep::streaming
