#include "recover/deliver/acting_as.h"

#include <unistd.h>

#include <fmt/format.h>
#include <sys/fsuid.h>

#include "catalog/io/error.h"

namespace pgkeep::recover {
namespace {

/// Neither call reports a failure; each answers with the value before, also to a number that cannot be.
constexpr uid_t kAsk = static_cast<uid_t>(-1);

}  // namespace

ActingAs::ActingAs(const std::optional<Owner>& owner) {
  if (!owner) return;
  acting_ = true;
  // The group first: without root's rights it could not be changed any more.
  ::setfsgid(owner->gid);
  ::setfsuid(owner->uid);
  const bool done = static_cast<uid_t>(::setfsuid(kAsk)) == owner->uid &&
                    static_cast<gid_t>(::setfsgid(kAsk)) == owner->gid;
  if (done) return;
  ::setfsuid(::geteuid());
  ::setfsgid(::getegid());
  throw Error(fmt::format("root cannot act as user {} here; recover as that user", owner->uid));
}

ActingAs::~ActingAs() {
  if (!acting_) return;
  ::setfsuid(::geteuid());
  ::setfsgid(::getegid());
}

}  // namespace pgkeep::recover
