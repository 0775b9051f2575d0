#pragma once

#include <cstdint>

#include "catalog/store/layout.h"

namespace pgkeep::store {

/// Gives numbers to packs. None is given twice, whatever became of the pack: that a number was given is
/// durable, in packs.json, before it is used. The caller holds the writer lock while this lives.
class PackNumbers {
 public:
  /// Where packs.json is missing or damaged, the numbers go on after all that packs, backups and suspects
  /// name.
  explicit PackNumbers(const ServerLayout& layout);
  /// Throws Refused when there are no more.
  std::uint32_t take();

 private:
  ServerLayout layout_;
  std::uint64_t next_ = 1;
  std::uint32_t given_ = 0;  // all up to this one may be used
};

}  // namespace pgkeep::store
