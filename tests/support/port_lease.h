#pragma once

#include "catalog/io/handle.h"

namespace pgkeep::test {

/// A TCP port on loopback that nobody listens on and that no other test, of this or another process, is given
/// while the lease lives. The range is the environment's PGKEEP_TEST_PORTS ("21000-21999" when not set),
/// which lies below the ports that the kernel hands out by itself.
class PortLease {
 public:
  PortLease();
  int number() const noexcept { return number_; }

 private:
  io::UniqueFd lock_;
  int number_ = 0;
};

}  // namespace pgkeep::test
