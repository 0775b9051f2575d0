#include "recover/delivery.h"

#include <atomic>
#include <filesystem>
#include <unistd.h>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::recover {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

/// The same promises for both kinds. In place of ssh stands a shell of this host: the other end is real, the
/// network is not.
enum class Kind { local, ssh };

class DeliveryTest : public testing::TestWithParam<Kind> {
 protected:
  std::unique_ptr<Delivery> make(unsigned jobs = 3) const {
    return GetParam() == Kind::local ? local_delivery(jobs) : ssh_delivery("sh -c", jobs);
  }
  fs::path destination() const { return folder_ / "it's the main"; }
  void check(Delivery& delivery, std::uint64_t bytes = 1000) const {
    delivery.check({{.directory = destination().native(), .bytes_needed = bytes}});
  }
  void add(const std::string& path, std::string content, std::uint32_t mode = 0600) {
    const auto size = content.size();
    files_.push_back({.path = destination() / path,
                      .size = size,
                      .mode = mode,
                      .modified = 1'700'000'000,
                      .content = [content = std::move(content)](io::ByteSink& out, unsigned) {
                        constexpr std::size_t kPiece = 100'000;
                        for (std::size_t at = 0; at < content.size(); at += kPiece)
                          out.write(io::as_bytes(std::string_view(content).substr(at, kPiece)));
                      }});
  }
  void write(Delivery& delivery, std::stop_token stop = {}) {
    std::size_t given = 0;
    delivery.write_files(
        [&](DeliveredFile& file) {
          if (given == files_.size()) return false;
          file = files_[given++];
          return true;
        },
        std::move(stop));
  }
  void deliver(Delivery& delivery) {
    check(delivery);
    delivery.make_directory(destination(), 0750);
    delivery.make_directory(destination() / "base", 0700);
    write(delivery);
    delivery.finish();
  }
  std::string content(const std::string& path) const {
    const auto bytes = io::read_whole_file(destination() / path, 64u << 20);
    return std::string(io::as_text(bytes));
  }
  unsigned mode_of(const std::string& path) const {
    struct stat status {};
    EXPECT_EQ(::stat((destination() / path).c_str(), &status), 0) << path;
    return status.st_mode & 07777;
  }

  test::TempDirectory folder_;
  std::vector<DeliveredFile> files_;
};

TEST_P(DeliveryTest, WritesFilesDirectoriesAndLinks) {
  for (int i = 0; i < 50; ++i)
    add(fmt::format("base/{}", i), std::string(static_cast<std::size_t>(i) * 3000, 'x'), 0640);
  add("large", std::string(9'000'000, 'y'));
  const auto delivery = make();
  check(*delivery);
  delivery->make_directory(destination(), 0750);
  delivery->make_directory(destination() / "base", 0700);
  delivery->make_symlink(destination() / "link", "/srv/fast");
  write(*delivery);
  delivery->finish();
  for (int i = 0; i < 50; ++i)
    EXPECT_EQ(content(fmt::format("base/{}", i)), std::string(static_cast<std::size_t>(i) * 3000, 'x'));
  EXPECT_EQ(content("large"), std::string(9'000'000, 'y'));
  EXPECT_EQ(fs::read_symlink(destination() / "link"), "/srv/fast");
  EXPECT_EQ(mode_of("."), 0750u);
  EXPECT_EQ(mode_of("base"), 0700u);
  EXPECT_EQ(mode_of("base/7"), 0640u);
}

TEST_P(DeliveryTest, WritesMoreAfterFinishing) {
  add("first", "1");
  const auto delivery = make();
  deliver(*delivery);
  files_.clear();
  add("last", "2");
  write(*delivery);
  delivery->finish();
  EXPECT_EQ(content("first") + content("last"), "12");
}

TEST_P(DeliveryTest, TakesAnEmptyDirectoryAndALinkToOne) {
  fs::create_directory(folder_ / "mounted");
  fs::create_directory_symlink(folder_ / "mounted", destination());
  add("file", "x");
  deliver(*make());
  EXPECT_TRUE(fs::is_symlink(destination()));
  EXPECT_TRUE(fs::exists(folder_ / "mounted" / "file"));
}

TEST_P(DeliveryTest, RefusesADirectoryThatIsNotEmpty) {
  fs::create_directory(destination());
  io::write_file_durably(destination() / ".hidden", {});
  EXPECT_THAT([&] { check(*make()); }, ThrowsMessage<Refused>(HasSubstr("not empty")));
}

TEST_P(DeliveryTest, RefusesADirectoryWithAServer) {
  fs::create_directory(destination());
  io::write_file_durably(destination() / "postmaster.pid", {});
  EXPECT_THAT([&] { check(*make()); }, ThrowsMessage<Refused>(HasSubstr("postmaster.pid")));
}

TEST_P(DeliveryTest, RefusesAPlaceThatDoesNotExist) {
  const auto delivery = make();
  EXPECT_THAT([&] { delivery->check({{.directory = folder_ / "a/b", .bytes_needed = 1}}); },
              ThrowsMessage<Refused>(HasSubstr("not mounted")));
}

TEST_P(DeliveryTest, RefusesAFileInPlaceOfADirectory) {
  io::write_file_durably(destination(), {});
  EXPECT_THAT([&] { check(*make()); }, ThrowsMessage<Refused>(HasSubstr("not a directory")));
}

TEST_P(DeliveryTest, RefusesWhenThereIsNoRoom) {
  EXPECT_THAT([&] { check(*make(), std::uint64_t{1} << 60); },
              ThrowsMessage<Refused>(AllOf(HasSubstr("are needed"), HasSubstr("are free"))));
}

TEST_P(DeliveryTest, AddsUpWhatRootsOnOneFileSystemNeed) {
  const auto free = io::free_space(folder_.path());
  const auto part = free / 3 * 2;
  const auto delivery = make();
  EXPECT_THROW(delivery->check({{.directory = folder_ / "a", .bytes_needed = part},
                                {.directory = folder_ / "b", .bytes_needed = part}}),
               Refused);
}

TEST_P(DeliveryTest, ThrowsTheFirstFailureOfAFile) {
  add("good", "x");
  add("bad", "y");
  files_.back().content = [](io::ByteSink&, unsigned) { throw Corruption("piece 7 is damaged"); };
  const auto delivery = make();
  EXPECT_THAT([&] { deliver(*delivery); }, ThrowsMessage<Corruption>(HasSubstr("piece 7")));
}

TEST_P(DeliveryTest, NoticesContentOfAnotherSize) {
  add("short", "abc");
  files_.back().size = 4;
  const auto delivery = make();
  EXPECT_THROW(deliver(*delivery), Error);
}

TEST_P(DeliveryTest, StopsWhenAsked) {
  std::stop_source stop;
  for (int i = 0; i < 20; ++i) add(fmt::format("{}", i), "x");
  files_[3].content = [&stop](io::ByteSink& out, unsigned) {
    stop.request_stop();
    out.write(io::as_bytes("x"));
  };
  const auto delivery = make(1);
  check(*delivery);
  delivery->make_directory(destination(), 0700);
  EXPECT_THROW(write(*delivery, stop.get_token()), Interrupted);
  EXPECT_FALSE(fs::exists(destination() / "19"));
}

TEST_P(DeliveryTest, TellsEachWorkerItsNumber) {
  std::atomic<unsigned> highest = 0;
  for (int i = 0; i < 20; ++i) {
    add(fmt::format("{}", i), "");
    files_.back().content = [&](io::ByteSink&, unsigned worker) {
      for (auto seen = highest.load(); seen < worker && !highest.compare_exchange_weak(seen, worker);) {
      }
    };
  }
  const auto delivery = make(2);
  deliver(*delivery);
  EXPECT_LT(highest, delivery->workers());
}

INSTANTIATE_TEST_SUITE_P(Kinds, DeliveryTest, testing::Values(Kind::local, Kind::ssh),
                         [](const auto& kind) { return kind.param == Kind::local ? "Local" : "Ssh"; });

TEST(SshDeliveryTest, SaysWhatTheOtherEndSaid) {
  const auto check = [](const std::string& command) {
    ssh_delivery(command, 1)->check({{.directory = "/tmp/nothing-here", .bytes_needed = 1}});
  };
  EXPECT_THAT([&] { check("sh -c 'echo no route >&2; exit 255'"); },
              ThrowsMessage<ConnectionLost>(HasSubstr("no route")));
  EXPECT_THAT([&] { check("sh -c 'echo not allowed >&2; exit 7'"); },
              ThrowsMessage<Error>(AllOf(HasSubstr("exit code 7"), HasSubstr("not allowed"))));
  EXPECT_THAT([&] { check("sh -c 'kill -9 $$'"); },
              ThrowsMessage<ConnectionLost>(HasSubstr("connection failed")));
  EXPECT_THROW(check("no-such-program host"), Error);
  EXPECT_THROW(check("sh -c true"), ConnectionLost);  // answers nothing
}

TEST(SshDeliveryTest, NoticesAConnectionThatBreaksWhileFilesAreWritten) {
  test::TempDirectory folder;
  // Lets the scripts through, and dies under the first tar that is longer than a few blocks.
  const auto delivery = ssh_delivery(
      R"(sh -c 'case $0 in tar*) head -c 100000 >/dev/null; echo gone >&2; exit 255;; *) exec sh -c "$0";; esac')",
      2);
  delivery->check({{.directory = folder / "main", .bytes_needed = 1}});
  delivery->make_directory(folder / "main", 0700);
  bool given = false;
  const auto next = [&](DeliveredFile& file) {
    if (std::exchange(given, true)) return false;
    file = {.path = folder / "main/x",
            .size = 1u << 30,
            .mode = 0600,
            .modified = 0,
            .content = [](io::ByteSink& out, unsigned) {
              const io::ByteVector piece(1u << 20);
              for (int i = 0; i < 1024; ++i) out.write(piece);
            }};
    return true;
  };
  EXPECT_THAT([&] { delivery->write_files(next, {}); }, ThrowsMessage<ConnectionLost>(HasSubstr("gone")));
}

}  // namespace
}  // namespace pgkeep::recover
