#pragma once

#include <filesystem>

#include <sys/types.h>

namespace pgkeep::test {

/// While it lives, `denied` is a file that this process may not open: root's, below `tree`, all else of which
/// belongs to another user, whom root acts as meanwhile. Who is not root takes his own rights to it. Throws
/// std::system_error. One at a time, in the main thread.
class Denied {
 public:
  Denied(const std::filesystem::path& tree, const std::filesystem::path& denied);
  ~Denied();
  Denied(const Denied&) = delete;
  Denied& operator=(const Denied&) = delete;

 private:
  std::filesystem::path path_;
  bool root_;
  mode_t mode_ = 0;
};

}  // namespace pgkeep::test
