#include "tests/support/denied.h"

#include <cerrno>
#include <exception>
#include <system_error>
#include <unistd.h>

#include <sys/stat.h>

namespace pgkeep::test {
namespace {

namespace fs = std::filesystem;

constexpr uid_t kNobody = 65534;

void require(int result, const char* what) {
  if (result != 0) throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace

Denied::Denied(const fs::path& tree, const fs::path& denied) : path_(denied), root_(::geteuid() == 0) {
  struct stat status {};
  require(::lstat(path_.c_str(), &status), "lstat");
  mode_ = status.st_mode & 07777;
  require(::chmod(path_.c_str(), root_ ? 0600 : 0), "chmod");
  if (!root_) return;
  require(::lchown(tree.c_str(), kNobody, kNobody), "chown");
  for (const auto& entry : fs::recursive_directory_iterator(tree))
    if (entry.path() != path_) require(::lchown(entry.path().c_str(), kNobody, kNobody), "chown");
  require(::lchown(path_.c_str(), 0, 0), "chown");
  require(::seteuid(kNobody), "seteuid");
}

Denied::~Denied() {
  if (root_ && ::seteuid(0) != 0) std::terminate();
  static_cast<void>(::chmod(path_.c_str(), mode_));  // fails where the test has removed it
}

}  // namespace pgkeep::test
