#pragma once

#include <optional>

#include <sys/types.h>

namespace pgkeep::recover {

struct Owner {
  uid_t uid = 0;
  gid_t gid = 0;
};

/// While it lives, what the calling thread does to files it does with the rights of that user and as that
/// user: what it makes belongs to the user, and a link that the user has planted leads nowhere where the user
/// could not write himself. For root; with nothing it changes nothing. Throws Error when the system does not
/// do it.
class ActingAs {
 public:
  explicit ActingAs(const std::optional<Owner>& owner);
  ActingAs(const ActingAs&) = delete;
  ActingAs& operator=(const ActingAs&) = delete;
  ~ActingAs();

 private:
  bool acting_ = false;
};

}  // namespace pgkeep::recover
