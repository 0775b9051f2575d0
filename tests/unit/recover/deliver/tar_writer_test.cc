#include "recover/deliver/tar_writer.h"

#include <array>
#include <cstdio>
#include <filesystem>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/io/shell.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::recover {
namespace {

namespace fs = std::filesystem;

std::string output_of(const std::string& command) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(::popen(command.c_str(), "r"), ::pclose);
  std::array<char, 1u << 16> buffer{};
  return {buffer.data(), std::fread(buffer.data(), 1, buffer.size(), pipe.get())};
}

class TarWriterTest : public testing::Test {
 protected:
  void file(const std::string& path, const std::string& content) {
    writer_.begin_file(path, content.size(), 0640, 1'700'000'000);
    writer_.write(io::as_bytes(content));
    writer_.end_file();
  }
  /// Unpacks with the system's tar; what it said.
  std::string unpack() {
    writer_.finish();
    io::write_file_durably(folder_ / "a.tar", tar_.bytes());
    fs::create_directory(folder_ / "out");
    return output_of(fmt::format("tar -xpf {} -C {} 2>&1", io::shell_quote((folder_ / "a.tar").native()),
                                 io::shell_quote((folder_ / "out").native())));
  }
  std::string content(const std::string& path) {
    const auto bytes = io::read_whole_file(folder_ / "out" / path, 1u << 20);
    return std::string(io::as_text(bytes));
  }

  test::TempDirectory folder_;
  io::MemorySink tar_;
  TarWriter writer_{tar_};
};

TEST_F(TarWriterTest, IsUnderstoodByTar) {
  writer_.directory("base", 0750, 1'700'000'000);
  file("base/empty", "");
  file("base/block", std::string(512, 'x'));
  file("base/odd", "abc");
  writer_.symlink("base/link", "/srv/elsewhere");
  EXPECT_EQ(unpack(), "");
  EXPECT_EQ(content("base/empty"), "");
  EXPECT_EQ(content("base/block"), std::string(512, 'x'));
  EXPECT_EQ(content("base/odd"), "abc");
  EXPECT_EQ(fs::read_symlink(folder_ / "out/base/link"), "/srv/elsewhere");
  struct stat status {};
  ASSERT_EQ(::stat((folder_ / "out/base/odd").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0640u);
  EXPECT_EQ(status.st_mtim.tv_sec, 1'700'000'000);
  ASSERT_EQ(::stat((folder_ / "out/base").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0750u);
}

TEST_F(TarWriterTest, WritesNamesOfAnyLength) {
  for (const std::size_t length : {99u, 100u, 101u, 250u}) {
    file(std::string(length, 'n'), std::to_string(length));
    writer_.symlink("link" + std::to_string(length), "/" + std::string(length, 't'));
  }
  const auto deep = std::string(200, 'd') + "/" + std::string(200, 'e');
  file(deep, "deep");
  file("it's \n odd \xFF", "odd");
  EXPECT_EQ(unpack(), "");
  for (const std::size_t length : {99u, 100u, 101u, 250u}) {
    EXPECT_EQ(content(std::string(length, 'n')), std::to_string(length));
    EXPECT_EQ(fs::read_symlink(folder_ / "out" / ("link" + std::to_string(length))),
              "/" + std::string(length, 't'));
  }
  EXPECT_EQ(content(deep), "deep");
  EXPECT_EQ(content("it's \n odd \xFF"), "odd");
}

TEST_F(TarWriterTest, AnnouncesSizesAboveEightGiB) {
  writer_.begin_file("large", (8ull << 30) + 5, 0600, 0);
  io::write_file_durably(folder_ / "large.tar", tar_.bytes());
  const auto listing = output_of(fmt::format("tar -tvf {} 2>/dev/null", (folder_ / "large.tar").native()));
  EXPECT_NE(listing.find(" 8589934597 "), listing.npos) << listing;
}

TEST_F(TarWriterTest, InsistsOnTheSizeAnnounced) {
  writer_.begin_file("x", 3, 0600, 0);
  EXPECT_THROW(writer_.write(io::as_bytes("four")), Error);
  writer_.write(io::as_bytes("ab"));
  EXPECT_THROW(writer_.end_file(), Error);
}

TEST_F(TarWriterTest, GathersSmallPieces) {
  TarWriter gathering(tar_, 4096);
  gathering.begin_file("x", 3, 0600, 0);
  gathering.write(io::as_bytes("abc"));
  gathering.end_file();
  EXPECT_EQ(tar_.bytes().size(), 0u);
  gathering.finish();
  EXPECT_GE(tar_.bytes().size(), 1024u);
}

TEST_F(TarWriterTest, LeavesNoWholeTarWhenItIsGivenUp) {
  {
    TarWriter given_up(tar_);
    given_up.begin_file("x", 5, 0600, 0);
    given_up.write(io::as_bytes("abc"));
  }
  io::write_file_durably(folder_ / "cut.tar", tar_.bytes());
  EXPECT_THAT(output_of(fmt::format("tar -tf {} 2>&1", (folder_ / "cut.tar").native())),
              testing::HasSubstr("Unexpected EOF"));
}

class FullSink final : public io::ByteSink {
 public:
  void write(io::ByteView) override { throw ConnectionLost("the other end is gone"); }
};

TEST(TarWriter, ThrowsWhatItsSinkThrows) {
  FullSink gone;
  TarWriter writer(gone);
  EXPECT_THAT([&] { writer.begin_file("x", 3, 0600, 0); },
              testing::ThrowsMessage<ConnectionLost>(testing::StrEq("the other end is gone")));
}

}  // namespace
}  // namespace pgkeep::recover
