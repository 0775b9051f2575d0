#include "server/fleet/fleet.h"

#include <fstream>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::server {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr uid_t kSomebody = 65534;

class FleetTest : public testing::Test {
 protected:
  FleetTest() {
    store::Repository::open_or_create(repository_);
    std::ofstream(config_) << "repository: " << repository_.native()
                           << "\nservers:\n  main:\n    conninfo: host=nowhere\n    active: false\n";
  }
  test::TempDirectory directory_;
  std::filesystem::path repository_ = directory_ / "repository";
  std::filesystem::path config_ = directory_ / "pgkeep.yaml";
};

TEST_F(FleetTest, KeepsRootOutOfTheRepositoryOfAnother) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root may give a folder away";
  ASSERT_EQ(::chown(repository_.c_str(), kSomebody, kSomebody), 0);
  EXPECT_THAT([&] { Fleet(config_, Fleet::Access::open); },
              ThrowsMessage<Refused>(HasSubstr("the repository belongs to")));
  EXPECT_THROW(open_repository_if_there(load_config(config_)), Refused);
  EXPECT_NO_THROW(Fleet(config_, Fleet::Access::recover));
}

TEST_F(FleetTest, OpensForNoServerInService) {
  EXPECT_NO_THROW(Fleet(config_, Fleet::Access::create));
}

}  // namespace
}  // namespace pgkeep::server
