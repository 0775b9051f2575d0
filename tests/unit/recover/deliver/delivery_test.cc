#include "recover/deliver/delivery.h"

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
using testing::EndsWith;
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
    delivery.write_files(
        [this](const Delivery::Give& give) {
          for (const auto& file : files_) give(file);
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
  EXPECT_THAT(
      [&] {
        delivery->check({{.directory = folder_ / "a", .bytes_needed = part},
                         {.directory = folder_ / "b", .way_out = "put b elsewhere", .bytes_needed = part},
                         {.directory = folder_ / "c", .way_out = "nothing lies there"}});
      },
      ThrowsMessage<Refused>(EndsWith("are free; put b elsewhere")));
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

/// Root recovers into a directory of another user, who plants links meanwhile. Outside lies a directory of
/// root.
class RootDeliveryTest : public DeliveryTest {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "only root has what others could abuse";
    fs::permissions(folder_.path(), fs::perms(0755));
    fs::create_directory(outside_);
    give(destination());
  }
  /// A directory of the user.
  static void give(const fs::path& directory) {
    fs::create_directory(directory);
    ASSERT_EQ(::chown(directory.c_str(), kUser, kUser), 0);
  }
  void plant(const std::string& path) const {
    fs::create_directory_symlink(outside_, destination() / path);
    ASSERT_EQ(::lchown((destination() / path).c_str(), kUser, kUser), 0);
  }
  static uid_t owner_of(const fs::path& path) {
    struct stat status {};
    EXPECT_EQ(::lstat(path.c_str(), &status), 0) << path;
    return status.st_uid;
  }
  /// It may fail, or, as tar does, put its own in place of the link.
  template <typename Work>
  static void attempt(const Work& work) {
    try {
      work();
    } catch (const Error&) {
    }
  }
  void expect_outside_untouched() const {
    EXPECT_TRUE(fs::is_empty(outside_));
    EXPECT_EQ(owner_of(outside_), 0u);
    EXPECT_EQ(fs::status(outside_).permissions(), fs::perms(0755));
  }

  static constexpr uid_t kUser = 12345;
  fs::path outside_ = folder_ / "outside";
};

TEST_P(RootDeliveryTest, AllBelongsToTheOwnerOfTheDestination) {
  add("base/1", "x");
  const auto delivery = make();
  check(*delivery);
  delivery->make_directory(destination(), 0700);
  delivery->make_directory(destination() / "base", 0700);
  delivery->make_symlink(destination() / "link", "/srv/fast");
  write(*delivery);
  delivery->finish();
  for (const auto* path : {"", "base", "base/1", "link"})
    EXPECT_EQ(owner_of(destination() / path), kUser) << path;
}

TEST_P(RootDeliveryTest, ADestinationThatIsMissingBelongsToTheOwnerOfTheDirectoryAbove) {
  add("file", "x");
  const auto below = destination() / "main";
  files_.back().path = below / "file";
  const auto delivery = make();
  delivery->check({{.directory = below.native(), .bytes_needed = 1}});
  delivery->make_directory(below, 0700);
  write(*delivery);
  EXPECT_EQ(owner_of(below), kUser);
  EXPECT_EQ(owner_of(below / "file"), kUser);
}

TEST_P(RootDeliveryTest, ATablespaceInADirectoryOfRootIsMadeForTheOwner) {
  const auto tablespace = outside_ / "tablespace";
  add("file", "x");
  const auto delivery = make();
  delivery->check({{.directory = destination().native(), .bytes_needed = 1},
                   {.directory = tablespace.native(), .bytes_needed = 1}});
  delivery->make_directory(tablespace, 0700);
  delivery->make_directory(destination(), 0700);
  write(*delivery);
  EXPECT_EQ(owner_of(tablespace), kUser);
  EXPECT_EQ(owner_of(outside_), 0u);
}

TEST_P(RootDeliveryTest, MakesNoPlaceThatTheServerChoseInADirectoryOfRoot) {
  const auto chosen = outside_ / "chosen";
  const auto check_places = [&] {
    make()->check({{.directory = destination().native(), .bytes_needed = 1},
                   {.directory = chosen.native(), .bytes_needed = 0, .named = false}});
  };
  EXPECT_THAT(check_places, ThrowsMessage<Refused>(HasSubstr("the server chose this place")));
  give(chosen);  // the operator did
  EXPECT_NO_THROW(check_places());
}

TEST_P(RootDeliveryTest, ALinkPlantedAsADirectoryLeadsNowhere) {
  add("base/1", "x");
  const auto delivery = make();
  check(*delivery);
  delivery->make_directory(destination(), 0700);
  plant("base");
  attempt([&] {
    delivery->make_directory(destination() / "base", 0700);
    write(*delivery);
    delivery->finish();
  });
  expect_outside_untouched();
}

TEST_P(RootDeliveryTest, ALinkPlantedWhileFilesAreWrittenLeadsNowhere) {
  add("first", "x");
  files_.back().content = [this](io::ByteSink& out, unsigned) {
    fs::rename(destination() / "base", destination() / "away");
    plant("base");
    out.write(io::as_bytes("x"));
  };
  add("base/1", "y");
  const auto delivery = make(1);
  check(*delivery);
  delivery->make_directory(destination(), 0700);
  delivery->make_directory(destination() / "base", 0700);
  attempt([&] {
    write(*delivery);
    delivery->finish();
  });
  EXPECT_TRUE(fs::is_symlink(destination() / "base"));
  expect_outside_untouched();
}

TEST_P(RootDeliveryTest, ALinkPlantedInPlaceOfTheDestinationLeadsNowhere) {
  give(folder_ / "home");
  const auto home = folder_ / "home/main";
  add("file", "x");
  files_.back().path = home / "file";
  const auto delivery = make();
  delivery->check({{.directory = home.native(), .bytes_needed = 1}});
  fs::create_directory_symlink(outside_, home);
  attempt([&] {
    delivery->make_directory(home, 0700);
    write(*delivery);
    delivery->finish();
  });
  expect_outside_untouched();
}

TEST_P(RootDeliveryTest, ALinkPlantedWhereAFileGoesIsNotWrittenThrough) {
  const auto precious = outside_ / "precious";
  add("1", "x");
  const auto delivery = make();
  check(*delivery);
  delivery->make_directory(destination(), 0700);
  fs::create_symlink(precious, destination() / "1");
  attempt([&] { write(*delivery); });
  expect_outside_untouched();
}

TEST_P(RootDeliveryTest, RefusesADestinationThatIsALinkOfAnotherUser) {
  plant("main");
  const auto delivery = make();
  EXPECT_THAT([&] { delivery->check({{.directory = destination() / "main", .bytes_needed = 1}}); },
              ThrowsMessage<Refused>(HasSubstr("symbolic link that belongs to")));
  EXPECT_THAT([&] { delivery->check({{.directory = destination() / "main/below", .bytes_needed = 1}}); },
              ThrowsMessage<Refused>(HasSubstr("symbolic link that belongs to")));
}

TEST_P(RootDeliveryTest, RefusesATablespaceInADirectoryOfAnotherUser) {
  const auto delivery = make();
  EXPECT_THAT(
      [&] {
        delivery->check({{.directory = destination().native(), .bytes_needed = 1},
                         {.directory = outside_.native(), .bytes_needed = 1}});
      },
      ThrowsMessage<Refused>(HasSubstr("the data directory will belong to")));
}

INSTANTIATE_TEST_SUITE_P(Kinds, RootDeliveryTest, testing::Values(Kind::local, Kind::ssh),
                         [](const auto& kind) { return kind.param == Kind::local ? "Local" : "Ssh"; });

TEST(SshDeliveryTest, RootWritesOnlyWhereNobodyElseCanChangeTheWay) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root has what others could abuse";
  test::TempDirectory folder;
  fs::create_directories(folder / "theirs/of root");
  ASSERT_EQ(::chown((folder / "theirs").c_str(), 12345, 12345), 0);
  EXPECT_THAT(
      [&] {
        ssh_delivery("sh -c", 1)->check({{.directory = folder / "theirs/of root/main", .bytes_needed = 1}});
      },
      ThrowsMessage<Refused>(HasSubstr("others than root can change")));
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

TEST(SshDeliveryTest, ShowsTheFirstOfManyLinesThatTheOtherEndSaid) {
  const auto check = [](const std::string& command) {
    ssh_delivery(command, 1)->check({{.directory = "/tmp/nothing-here", .bytes_needed = 1}});
  };
  const std::string many =
      "sh -c 'for i in 1 1 2 3 4 5 6 7 8; do echo tar: base/$i: Cannot open >&2; done; exit 2'";
  EXPECT_THAT([&] { check(many); },
              ThrowsMessage<Error>(AllOf(HasSubstr("base/1: Cannot open\ntar: base/2"), HasSubstr("base/5"),
                                         HasSubstr("(and 4 more lines of that kind)"),
                                         testing::Not(HasSubstr("base/6")))));
}

TEST(SshDeliveryTest, NoticesAConnectionThatBreaksWhileFilesAreWritten) {
  test::TempDirectory folder;
  // Lets the scripts through, and dies under the first tar that is longer than a few blocks.
  const auto delivery = ssh_delivery(
      R"(sh -c 'case $0 in tar*) head -c 100000 >/dev/null; echo gone >&2; exit 255;; *) exec sh -c "$0";; esac')",
      2);
  delivery->check({{.directory = folder / "main", .bytes_needed = 1}});
  delivery->make_directory(folder / "main", 0700);
  const auto one_large_file = [&](const Delivery::Give& give) {
    give({.path = folder / "main/x",
          .size = 1u << 30,
          .mode = 0600,
          .modified = 0,
          .content = [](io::ByteSink& out, unsigned) {
            const io::ByteVector piece(1u << 20);
            for (int i = 0; i < 1024; ++i) out.write(piece);
          }});
  };
  EXPECT_THAT([&] { delivery->write_files(one_large_file, {}); },
              ThrowsMessage<ConnectionLost>(HasSubstr("gone")));
}

}  // namespace
}  // namespace pgkeep::recover
