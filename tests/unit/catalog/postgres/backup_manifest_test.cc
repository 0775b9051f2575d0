#include "catalog/postgres/backup_manifest.h"

#include <ostream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/catalog/postgres/test_data.h"

namespace pgkeep::postgres {
namespace {

using testing::AllOf;
using testing::HasSubstr;

/// Gives a text in pieces of at most so many bytes.
class PieceSource final : public io::ByteSource {
 public:
  PieceSource(std::string_view text, std::size_t piece) : left_(io::as_bytes(text)), piece_(piece) {}
  std::size_t read(io::ByteSpan into) override {
    const auto n = std::min({into.size(), left_.size(), piece_});
    std::ranges::copy(left_.first(n), into.begin());
    left_ = left_.subspan(n);
    return n;
  }
  std::size_t left() const { return left_.size(); }

 private:
  io::ByteView left_;
  std::size_t piece_;
};

struct Manifest {
  ManifestSummary summary;
  std::vector<ManifestFile> files;

  const ManifestFile& file(std::string_view path) const {
    const auto found = std::ranges::find(files, path, &ManifestFile::path);
    if (found == files.end()) throw std::runtime_error("not in the manifest: " + std::string(path));
    return *found;
  }
};

Manifest read(std::string_view text, std::size_t piece = SIZE_MAX) {
  PieceSource source(text, piece);
  Manifest manifest;
  manifest.summary =
      read_manifest(source, [&](ManifestFile&& file) { manifest.files.push_back(std::move(file)); });
  return manifest;
}

std::string write(const Manifest& manifest) {
  io::MemorySink sink;
  ManifestWriter writer(sink, manifest.summary.version, manifest.summary.system.value_or(SystemIdentifier()));
  for (const auto& file : manifest.files) writer.file(file);
  writer.finish(manifest.summary.wal_ranges);
  return std::string(io::as_text(sink.bytes()));
}

/// Ends the text with the checksum line that belongs to it.
std::string sign(std::string text) {
  io::Sha256 sha;
  sha.update(io::as_bytes(text));
  return text + "\"Manifest-Checksum\": \"" + io::to_hex(sha.finish()) + "\"}\n";
}

std::string refusal(std::string_view text) {
  return corruption_from([&] { read(text); });
}

constexpr std::string_view kFile = R"({ "Path": "PG_VERSION", "Size": 3 })";

/// A signed manifest of version 1 with that list of files.
std::string with_files(std::string_view files) {
  return sign("{ \"PostgreSQL-Backup-Manifest-Version\": 1,\n\"Files\": [\n" + std::string(files) +
              "\n],\n\"WAL-Ranges\": [\n\n],\n");
}
std::string with_range(std::string_view range) {
  return sign("{ \"PostgreSQL-Backup-Manifest-Version\": 1,\n\"Files\": [],\n\"WAL-Ranges\": [\n" +
              std::string(range) + "\n],\n");
}

// --------------------------------------------------------------------------------------- manifests of real
// servers

class RealManifestTest : public testing::TestWithParam<const char*> {};

TEST_P(RealManifestTest, IsWrittenBackByteForByte) {
  const auto text = read_test_data(GetParam());
  EXPECT_EQ(write(read(text)), text);
}

TEST_P(RealManifestTest, ReadsAlikeInPiecesOfAnySize) {
  const auto text = read_test_data(GetParam());
  for (const std::size_t piece : {1, 7, 100, 1000}) EXPECT_EQ(write(read(text, piece)), text) << piece;
}

TEST_P(RealManifestTest, IsRefusedWhenCutAnywhere) {
  const auto text = read_test_data(GetParam());
  for (std::size_t length = 0; length < text.size(); ++length) {
    EXPECT_THROW(read(text.substr(0, length)), Corruption) << length;
  }
}

TEST_P(RealManifestTest, IsRefusedWithABitFlippedInAnyByte) {
  const auto text = read_test_data(GetParam());
  for (std::size_t byte = 0; byte < text.size(); ++byte) {
    auto flipped = text;
    flipped[byte] = static_cast<char>(flipped[byte] ^ (1 << (byte % 8)));
    EXPECT_THROW(read(flipped), Corruption) << "byte " << byte;
  }
}

INSTANTIATE_TEST_SUITE_P(Servers, RealManifestTest,
                         testing::Values("manifest-13", "manifest-15", "manifest-17", "manifest-18",
                                         "manifest-18-incremental", "manifest-18-none", "manifest-18-sha256"),
                         [](const auto& test) {
                           std::string name(test.param);
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

TEST(ReadManifestTest, ReadsVersion1OfServer13) {
  const auto manifest = read(read_test_data("manifest-13"));
  EXPECT_EQ(manifest.summary.version, 1);
  EXPECT_FALSE(manifest.summary.system);
  EXPECT_EQ(manifest.summary.file_count, manifest.files.size());
  ASSERT_EQ(manifest.summary.wal_ranges.size(), 1u);
  EXPECT_EQ(manifest.summary.wal_ranges[0].timeline, TimelineId(1));
  EXPECT_EQ(manifest.summary.wal_ranges[0].start, Lsn(0xA0'0028));
  EXPECT_EQ(manifest.summary.wal_ranges[0].end, Lsn(0xA0'0100));
}

TEST(ReadManifestTest, ReadsVersion2OfServer18) {
  const auto manifest = read(read_test_data("manifest-18"));
  EXPECT_EQ(manifest.summary.version, 2);
  EXPECT_EQ(manifest.summary.system, SystemIdentifier(7710109983385405482));
  const auto& control = manifest.file("global/pg_control");
  EXPECT_EQ(control.size, 8192u);
  EXPECT_EQ(control.last_modified, "2026-11-20 04:48:16 GMT");
  EXPECT_EQ(control.checksum_algorithm, "CRC32C");
  EXPECT_EQ(control.checksum, "93513075");
}

TEST(ReadManifestTest, ReadsOddNames) {
  const auto manifest = read(read_test_data("manifest-18"));
  for (const auto* name :
       {"odd/quote\" back\\slash", "odd/tab\tnl\ncr\rbs\bff\fesc\x1b\x7f", "odd/schön-€-🐘", "odd/latin-\xe9",
        "odd/surrogate-\xed\xa0\x80", "odd/overlong-\xc0\xaf", "odd/toobig-\xf4\x90\x80\x80"}) {
    EXPECT_EQ(manifest.file(name).size, 1u);
  }
}

TEST(ReadManifestTest, LeavesChecksumsEmptyWhenThereAreNone) {
  const auto manifest = read(read_test_data("manifest-18-none"));
  EXPECT_EQ(manifest.file("global/pg_control").checksum_algorithm, "");
  EXPECT_EQ(manifest.file("global/pg_control").checksum, "");
}

TEST(ReadManifestTest, HandsOutFilesBeforeItHasReadAll) {
  std::string files(kFile);
  for (int i = 0; i < 20'000; ++i)
    files += ",\n{ \"Path\": \"base/5/" + std::to_string(i) + "\", \"Size\": 8192 }";
  const auto text = with_files(files);
  PieceSource source(text, SIZE_MAX);
  std::size_t left_at_first = 0;
  const auto summary = read_manifest(source, [&](ManifestFile&& file) {
    if (file.path == "PG_VERSION") left_at_first = source.left();
  });
  EXPECT_EQ(summary.file_count, 20'001u);
  EXPECT_GT(left_at_first, text.size() / 2);
}

TEST(ReadManifestTest, RefusesALineThatWouldFillMemory) {
  const auto text = with_files("{ \"Path\": \"" + std::string(3 << 20, 'x') + "\", \"Size\": 3 }");
  EXPECT_THAT(refusal(text), AllOf(HasSubstr("line 3"), HasSubstr("longer than any")));
}

TEST(ReadManifestTest, RefusesAManifestSignedWrongly) {
  auto text = with_files(kFile);
  text.replace(text.find("\"Size\": 3"), 9, "\"Size\": 4");
  EXPECT_THAT(refusal(text), HasSubstr("Manifest-Checksum is not that of the manifest"));
}

TEST(ReadManifestTest, RefusesBadFilesByTheirLine) {
  struct Row {
    const char* file;
    const char* why;
  };
  const Row rows[] = {
      {R"({ "Size": 3 })", "one of \"Path\" and \"Encoded-Path\""},
      {R"({ "Path": "a", "Encoded-Path": "61", "Size": 3 })", "one of \"Path\" and \"Encoded-Path\""},
      {R"({ "Path": "a" })", "\"Size\" is missing"},
      {R"({ "Path": "a", "Size": 3, "Owner": "b" })", "unknown item \"Owner\""},
      {R"({ "Path": "a", "Path": "b", "Size": 3 })", "\"Path\" a second time"},
      {R"({ "Path": "a", "Size": "3" })", "none of that kind"},
      {R"({ "Path": "a", "Size": -3 })", "none of that kind"},
      {R"({ "Path": "a", "Size": 3.5 })", "none of that kind"},
      {R"({ "Path": "a", "Size": 18446744073709551616 })", "none of that kind"},
      {R"({ "Path": "a", "Size": null })", "none of that kind"},
      {R"({ "Path": "a", "Size": true })", "none of that kind"},
      {R"({ "Path": "a", "Size": [3] })", "none of that kind"},
      {R"({ "Path": { "a": "b" }, "Size": 3 })", "none of that kind"},
      {R"({ "Path": 3, "Size": 3 })", "none of that kind"},
      {R"("a")", "none of that kind"},
      {R"([])", "none of that kind"},
      {R"({ "Encoded-Path": "6", "Size": 3 })", "not hexadecimal"},
      {R"({ "Encoded-Path": "6g", "Size": 3 })", "not hexadecimal"},
      {R"({ "Path": "", "Size": 3 })", "leads out of"},
      {R"({ "Path": "/etc/passwd", "Size": 3 })", "leads out of"},
      {R"({ "Path": "base/../../x", "Size": 3 })", "leads out of"},
      {R"({ "Path": "base/..", "Size": 3 })", "leads out of"},
      {R"({ "Path": "base//x", "Size": 3 })", "leads out of"},
      {R"({ "Path": "base/", "Size": 3 })", "leads out of"},
      {R"({ "Path": "a\u0000b", "Size": 3 })", "leads out of"},
      {R"({ "Encoded-Path": "2e2e", "Size": 3 })", "leads out of"},
      {R"({ "Path": "a", "Size": 3, "Checksum": "59ae2538" })", "without its algorithm"},
      {R"({ "Path": "a", "Size": 3, "Checksum-Algorithm": "CRC32C" })", "without its checksum"},
      {R"({ "Path": "a", "Size": 3, "Checksum-Algorithm": "MD5", "Checksum": "59ae2538" })",
       "unknown checksum"},
      {R"({ "Path": "a", "Size": 3, "Checksum-Algorithm": "CRC32C", "Checksum": "59ae253" })",
       "not a checksum by"},
      {R"({ "Path": "a", "Size": 3, "Checksum-Algorithm": "CRC32C", "Checksum": "59ae253x" })",
       "not a checksum by"},
      {R"({ "Path": "a", "Size": 3 } { "Path": "b", "Size": 3 })", "parse error"},
      {"{ \"Path\": \"a\xe9\", \"Size\": 3 }", "parse error"},
  };
  EXPECT_EQ(read(with_files(kFile)).files.size(), 1u);
  for (const auto& row : rows) {
    EXPECT_THAT(refusal(with_files(row.file)), AllOf(HasSubstr("backup_manifest line 3"), HasSubstr(row.why)))
        << row.file;
  }
}

TEST(ReadManifestTest, RefusesBadWalRanges) {
  struct Row {
    const char* range;
    const char* why;
  };
  const Row rows[] = {
      {R"({ "Start-LSN": "0/1", "End-LSN": "0/2" })", "\"Timeline\" is missing"},
      {R"({ "Timeline": 1, "End-LSN": "0/2" })", "\"Start-LSN\" is missing"},
      {R"({ "Timeline": 1, "Start-LSN": "0/1" })", "\"End-LSN\" is missing"},
      {R"({ "Timeline": 0, "Start-LSN": "0/1", "End-LSN": "0/2" })", "0 is not a timeline"},
      {R"({ "Timeline": 4294967296, "Start-LSN": "0/1", "End-LSN": "0/2" })", "is not a timeline"},
      {R"({ "Timeline": 1, "Start-LSN": "1", "End-LSN": "0/2" })", "\"1\" is not an LSN"},
      {R"({ "Timeline": 1, "Start-LSN": "0/3", "End-LSN": "0/2" })", "ends before it starts"},
      {R"({ "Timeline": 1, "Start-LSN": "0/1", "End-LSN": "0/2", "x": 1 })", "unknown item \"x\""},
  };
  const auto good = read(with_range(R"({ "Timeline": 4294967295, "Start-LSN": "0/1", "End-LSN": "A/2" })"));
  EXPECT_EQ(good.summary.wal_ranges.at(0).end, Lsn(0xA'0000'0002));
  for (const auto& row : rows) EXPECT_THAT(refusal(with_range(row.range)), HasSubstr(row.why)) << row.range;
}

TEST(ReadManifestTest, RefusesMoreWalRangesThanABackupCanHave) {
  const std::string range = R"({ "Timeline": 1, "Start-LSN": "0/1", "End-LSN": "0/2" })";
  auto ranges = range;
  for (int i = 1; i < 1000; ++i) ranges += ",\n" + range;
  EXPECT_EQ(read(with_range(ranges)).summary.wal_ranges.size(), 1000u);
  EXPECT_THAT(refusal(with_range(ranges + ",\n" + range)), HasSubstr("more than 1000 WAL ranges"));
}

TEST(ReadManifestTest, RefusesBadTopLevels) {
  struct Row {
    const char* text;
    const char* why;
  };
  const Row rows[] = {
      {"{ \"PostgreSQL-Backup-Manifest-Version\": 3,\n", "version 3 is neither 1 nor 2"},
      {"{ \"PostgreSQL-Backup-Manifest-Version\": \"1\",\n", "none of that kind"},
      {"{ \"Files\": [],\n", "\"PostgreSQL-Backup-Manifest-Version\" is missing"},
      {"{ \"PostgreSQL-Backup-Manifest-Version\": 1, \"WAL-Ranges\": [],\n", "\"Files\" is missing"},
      {"{ \"PostgreSQL-Backup-Manifest-Version\": 1, \"Files\": [],\n", "\"WAL-Ranges\" is missing"},
      {"{ \"PostgreSQL-Backup-Manifest-Version\": 2, \"Files\": [], \"WAL-Ranges\": [],\n",
       "\"System-Identifier\" is missing"},
      {"{ \"PostgreSQL-Backup-Manifest-Version\": 1, \"System-Identifier\": 7, \"Files\": [], "
       "\"WAL-Ranges\": [],\n",
       "version 1 has no"},
      {"{ \"PostgreSQL-Backup-Manifest-Version\": 1, \"Files\": [], \"Files\": [],\n",
       "\"Files\" a second time"},
      {"{ \"PostgreSQL-Backup-Manifest-Version\": 1, \"Comment\": 1,\n", "unknown item \"Comment\""},
      {"{ \"PostgreSQL-Backup-Manifest-Version\": 1, \"Files\": {},\n", "none of that kind"},
      {"[\n", "none of that kind"},
      {"3\n", "none of that kind"},
  };
  for (const auto& row : rows) EXPECT_THAT(refusal(sign(row.text)), HasSubstr(row.why)) << row.text;
  EXPECT_THAT(refusal(""), HasSubstr("parse error"));
  EXPECT_THAT(refusal("{ \"PostgreSQL-Backup-Manifest-Version\": 1, \"Files\": [], \"WAL-Ranges\": [] }\n"),
              HasSubstr("\"Manifest-Checksum\" is missing"));
  EXPECT_THAT(refusal(with_files(kFile) + "{}\n"), HasSubstr("parse error"));
}

TEST(ReadManifestTest, PassesOnWhatTheCallerThrows) {
  const auto text = with_files(kFile);
  io::MemorySource source(io::as_bytes(text));
  EXPECT_THROW(read_manifest(source, [](ManifestFile&&) { throw Interrupted("stop"); }), Interrupted);
}

// -------------------------------------------------------------------------------------------------------
// writing

TEST(ManifestWriterTest, WritesAnEmptyManifestThatReadsBack) {
  const Manifest empty{{2, SystemIdentifier(UINT64_MAX), {}, 0}, {}};
  const auto back = read(write(empty));
  EXPECT_EQ(back.summary.system, SystemIdentifier(UINT64_MAX));
  EXPECT_TRUE(back.files.empty());
}

TEST(ManifestWriterTest, WritesSeveralRangesNewestFirst) {
  Manifest manifest = read(read_test_data("manifest-18"));
  manifest.summary.wal_ranges = {{TimelineId(2), Lsn(0x20), Lsn(0x30)},
                                 {TimelineId(1), Lsn(0x10), Lsn(0x20)}};
  EXPECT_THAT(write(manifest),
              HasSubstr("\"WAL-Ranges\": [\n"
                        "{ \"Timeline\": 2, \"Start-LSN\": \"0/20\", \"End-LSN\": \"0/30\" },\n"
                        "{ \"Timeline\": 1, \"Start-LSN\": \"0/10\", \"End-LSN\": \"0/20\" }\n"
                        "],\n"));
}

TEST(ManifestWriterTest, ReadsBackEveryByteInAPath) {
  Manifest manifest{{1, std::nullopt, {}, 0}, {}};
  for (int byte = 1; byte < 256; ++byte) {
    if (byte == '/') continue;
    manifest.files.push_back({std::string("a") + static_cast<char>(byte), 1, "", "", ""});
  }
  const auto back = read(write(manifest));
  ASSERT_EQ(back.files.size(), manifest.files.size());
  for (std::size_t i = 0; i < back.files.size(); ++i) EXPECT_EQ(back.files[i].path, manifest.files[i].path);
}

TEST(ManifestWriterTest, EncodesPathsThatAreNoUtf8) {
  struct Row {
    const char* path;
    bool utf8;
  };
  const Row rows[] = {{"\xc2\x80", true},
                      {"\xdf\xbf", true},
                      {"\xe0\xa0\x80", true},
                      {"\xed\x9f\xbf", true},
                      {"\xee\x80\x80", true},
                      {"\xf0\x90\x80\x80", true},
                      {"\xf4\x8f\xbf\xbf", true},
                      {"\x80", false},
                      {"\xc1\xbf", false},
                      {"\xc2", false},
                      {"\xe0\x9f\xbf", false},
                      {"\xe2\x82", false},
                      {"\xed\xa0\x80", false},
                      {"\xf0\x8f\xbf\xbf", false},
                      {"\xf4\x90\x80\x80", false},
                      {"\xf5\x80\x80\x80", false},
                      {"\xff", false},
                      {"\xe2\x28\xa1", false}};
  for (const auto& row : rows) {
    const auto text = write({{1, std::nullopt, {}, 0}, {{row.path, 1, "", "", ""}}});
    EXPECT_EQ(text.find("Encoded-Path") == std::string::npos, row.utf8) << io::to_hex(io::as_bytes(row.path));
    EXPECT_EQ(read(text).files.at(0).path, row.path);
  }
}

TEST(Crc32cChecksumTextTest, IsInMemoryOrder) {
  EXPECT_EQ(crc32c_checksum_text(0x6be438b0), "b038e46b");
  EXPECT_EQ(crc32c_checksum_text(0), "00000000");
}

TEST(Crc32cChecksumTextTest, IsWhatServersWriteForPgVersion) {
  const auto manifest = read(read_test_data("manifest-18"));
  EXPECT_EQ(crc32c_checksum_text(io::crc32c(io::as_bytes("18\n"))), manifest.file("PG_VERSION").checksum);
}

}  // namespace
}  // namespace pgkeep::postgres
