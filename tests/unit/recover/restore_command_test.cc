#include "recover/restore_command.h"

#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pgkeep::recover {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

TEST(RestoreCommandTest, IsFilledInAsPostgresDoes) {
  EXPECT_EQ(fill_in("get %f > '%p' %r %% %x 100%", "F", "P"),
            "get F > 'P' 000000010000000000000001 % %x 100%");
}

TEST(RestoreCommandTest, IsTriedAsTheUserWhoWillRunIt) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can try it as somebody else";
  EXPECT_THAT(try_restore_command("test ! -e %f", "nobody"), IsEmpty());
  EXPECT_THAT(try_restore_command("echo x > %p; exit 1", "nobody"), IsEmpty());
  EXPECT_THAT(try_restore_command("test \"$(id -un)\" = nobody || exit 126", "nobody"), IsEmpty());
  EXPECT_THAT(try_restore_command("echo may not >&2; exit 126", "nobody"), HasSubstr("may not"));
  EXPECT_THAT(try_restore_command("/root/no-such-program %f %p", "nobody"), HasSubstr("no-such-program"));
  EXPECT_THAT(try_restore_command("true", "no-such-user"), HasSubstr("no-such-user"));
}

}  // namespace
}  // namespace pgkeep::recover
