#pragma once

#include <string>
#include <vector>

#include "catalog/io/units.h"
#include "catalog/postgres/timeline.h"
#include "catalog/store/layout.h"

namespace pgkeep::catalog {

/// slot.json: which replication slots pgkeep made for a server, so that it drops no other for its own.
///
///     {"slots":[{"name":…,"system_identifier":"…","created":RFC 3339}]}
///
/// Replaced by rename. A slot is written here before it is made, so that a crash never leaves one that nobody
/// knows. Thread-safe; several processes may change it. Throws StorageError, Corruption.
class MadeSlots {
 public:
  explicit MadeSlots(store::ServerLayout layout) : layout_(std::move(layout)) {}
  bool has(const std::string& name, postgres::SystemIdentifier system) const;
  /// Again for one that is known: with the time of now.
  void add(const std::string& name, postgres::SystemIdentifier system);
  /// Nothing happens when it is not known.
  void remove(const std::string& name, postgres::SystemIdentifier system);

  struct Slot {
    std::string name;
    postgres::SystemIdentifier system;
    io::TimePoint created;
  };
  std::vector<Slot> read() const;

 private:
  template <typename Change>
  void change(Change&& change);
  store::ServerLayout layout_;
};

}  // namespace pgkeep::catalog
