#include "catalog/io/handle.h"

#include <fcntl.h>
#include <memory>

#include <gtest/gtest.h>

namespace pgkeep::io {
namespace {

int open_null() {
  return ::open("/dev/null", O_RDONLY | O_CLOEXEC);
}
void increment(int* value) {
  ++*value;
}
bool is_open(int fd) {
  return ::fcntl(fd, F_GETFD) != -1;
}

TEST(UniqueFdTest, OwnsNothingAtFirst) {
  const UniqueFd fd;
  EXPECT_FALSE(fd);
  EXPECT_EQ(fd.get(), -1);
}

TEST(UniqueFdTest, TakesZeroForADescriptor) {
  UniqueFd fd(0);
  EXPECT_TRUE(fd);
  EXPECT_EQ(fd.release(), 0);
}

TEST(UniqueFdTest, ClosesAtItsEnd) {
  const int raw = open_null();
  {
    const UniqueFd fd(raw);
    EXPECT_TRUE(is_open(raw));
  }
  EXPECT_FALSE(is_open(raw));
}

TEST(UniqueFdTest, LeavesAReleasedDescriptorOpen) {
  const int raw = open_null();
  {
    UniqueFd fd(raw);
    EXPECT_EQ(fd.release(), raw);
    EXPECT_FALSE(fd);
  }
  EXPECT_TRUE(is_open(raw));
  ::close(raw);
}

TEST(UniqueFdTest, MovesTheDescriptorAndKeepsItOpen) {
  UniqueFd from(open_null());
  const int raw = from.get();
  const UniqueFd to(std::move(from));
  EXPECT_FALSE(from);  // NOLINT(bugprone-use-after-move): what is left is the claim
  EXPECT_EQ(to.get(), raw);
  EXPECT_TRUE(is_open(raw));
}

TEST(UniqueFdTest, MovedOntoAnOpenOneClosesThatOne) {
  UniqueFd from(open_null());
  UniqueFd to(open_null());
  const int kept = from.get();
  const int replaced = to.get();
  to = std::move(from);
  EXPECT_EQ(to.get(), kept);
  EXPECT_TRUE(is_open(kept));
  EXPECT_FALSE(is_open(replaced));
}

TEST(UniqueFdTest, MovedOntoItselfKeepsItsDescriptor) {
  UniqueFd fd(open_null());
  const int raw = fd.get();
  auto& same = fd;
  fd = std::move(same);
  EXPECT_EQ(fd.get(), raw);
  EXPECT_TRUE(is_open(raw));
}

TEST(FreeWithTest, CallsTheFunctionOnceWithTheHandle) {
  int handle = 7;
  { const std::unique_ptr<int, FreeWith<increment>> owner(&handle); }
  EXPECT_EQ(handle, 8);
}

}  // namespace
}  // namespace pgkeep::io
