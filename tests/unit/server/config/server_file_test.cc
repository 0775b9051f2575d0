#include "server/config/server_file.h"

#include <algorithm>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::server {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::ThrowsMessage;

class ServerFileTest : public ::testing::Test {
 protected:
  ServerFileTest() { configure("servers:\ninclude: conf.d/*.yaml\n"); }

  void configure(const std::string& text) {
    std::ofstream(main_) << "repository: /srv/pgkeep\n" << text;
    fs::permissions(main_, fs::perms::owner_read | fs::perms::owner_write | fs::perms::group_read);
  }
  Config load() const { return load_config(main_); }
  void add(const NewServer& server) {
    NewServerFile file(load(), server);
    file.keep();
  }
  fs::path file(const std::string& name) const { return directory_ / "conf.d" / name; }

  test::TempDirectory directory_;
  fs::path main_ = directory_ / "pgkeep.yaml";
  const NewServer orders_{"orders", R"(host=pg1 application_name='it\'s: #1 "x" {\\y}')", "- [a]: 'b' # c",
                          false};
};

TEST_F(ServerFileTest, IsReadAsItWasMeantWhateverItsTextHolds) {
  configure("defaults: {compression_level: 5}\nservers:\ninclude: conf.d/*.yaml\n");
  for (const auto& name : {"orders", "no", "1e3", "null", "0x1"}) {
    auto server = orders_;
    server.name = name;
    add(server);
    const auto config = load();
    const auto read = std::ranges::find(config.servers, name, &ServerConfig::name);
    ASSERT_NE(read, config.servers.end()) << name;
    EXPECT_EQ(*read, with_defaults(config, server));
    EXPECT_EQ(read->conninfo, orders_.conninfo);
    EXPECT_EQ(read->compression_level, 5u);
    EXPECT_FALSE(read->create_slot);
  }
}

TEST_F(ServerFileTest, HasTheModeOfTheMainFile) {
  add(orders_);
  EXPECT_EQ(fs::status(file("orders.yaml")).permissions(), fs::status(main_).permissions());
}

TEST_F(ServerFileTest, NeverTakesThePlaceOfAFile) {
  fs::create_directory(directory_ / "conf.d");
  std::ofstream(file("orders.yaml")) << "# mine";
  EXPECT_THAT([&] { add(orders_); }, ThrowsMessage<Refused>(HasSubstr("is there already")));
  std::string line;
  std::getline(std::ifstream(file("orders.yaml")), line);
  EXPECT_EQ(line, "# mine");
  EXPECT_EQ(std::distance(fs::directory_iterator(directory_ / "conf.d"), {}), 1)
      << "nothing is left beside it";
}

TEST_F(ServerFileTest, GoesAgainUnlessItIsKept) {
  { NewServerFile file(load(), orders_); }
  EXPECT_THAT(load().servers, IsEmpty());
}

TEST_F(ServerFileTest, KnowsWhetherItIsIncluded) {
  const auto included = [&] { return is_included(load(), server_file(load(), "orders")); };
  EXPECT_TRUE(included());
  configure("servers:\ninclude: [other.d/*.yaml, ./conf.d/*]\n");
  EXPECT_TRUE(included());
  for (const auto* text :
       {"servers:\n", "servers:\ninclude: conf.d/*.yml\n", "servers:\ninclude: 'x*.yaml'\n"}) {
    configure(text);
    EXPECT_FALSE(included()) << text;
  }
}

TEST_F(ServerFileTest, RefusesPasswordsAndWhatNoLineHolds) {
  EXPECT_THAT(why_not_a_new_server(orders_), IsEmpty());
  for (const auto* conninfo : {"host=pg1 password=secret", "postgresql://u:secret@pg1/db"}) {
    const auto why = why_not_a_new_server({"a", conninfo, ""});
    EXPECT_THAT(why, AllOf(HasSubstr("~/.pgpass"), HasSubstr("HOST:PORT:*:USER:PASSWORD")));
    EXPECT_EQ(why.find("secret"), why.npos);
  }
  EXPECT_THAT(why_not_a_new_server({"a", "host=pg1", "two\nlines"}), HasSubstr("one line"));
  EXPECT_THAT(why_not_a_new_server({"../a", "host=pg1", ""}), HasSubstr("cannot be the name"));
}

TEST_F(ServerFileTest, IsSetAsideWhereTheServerStandsAloneInIt) {
  add(orders_);
  const auto config = load();
  EXPECT_EQ(set_server_file_aside(config, config.servers.front()), file("orders.yaml.removed"));
  EXPECT_THAT(load().servers, IsEmpty());
  EXPECT_TRUE(fs::exists(file("orders.yaml.removed")));
}

TEST_F(ServerFileTest, IsLeftAloneWhereOthersStandInItOrTheServerElsewhere) {
  fs::create_directory(directory_ / "conf.d");
  std::ofstream(file("orders.yaml")) << "servers:\n  orders: {conninfo: host=a}\n  b: {conninfo: host=b}\n";
  configure("servers:\n  main: {conninfo: host=c}\ninclude: conf.d/*.yaml\n");
  const auto config = load();
  for (const auto& server : config.servers)
    EXPECT_THAT(
        [&] { set_server_file_aside(config, server); },
        ThrowsMessage<Refused>(AllOf(HasSubstr(config.places.at(server.name)), HasSubstr("by hand"))));
  EXPECT_EQ(load().servers.size(), 3u);
}

}  // namespace
}  // namespace pgkeep::server
