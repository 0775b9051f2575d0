#pragma once

#include <string>
#include <vector>

#include "catalog/io/units.h"
#include "catalog/postgres/endpoint.h"
#include "catalog/postgres/timeline.h"
#include "catalog/store/layout.h"

namespace pgkeep::catalog {

/// slot.json: which replication slots pgkeep made for a server, and where, so that it drops no other for its
/// own.
///
///     {"slots":[{"name":…,"system_identifier":"…","host":"HOST:PORT","state":"intended" or "made",
///                "created":RFC 3339}]}
///
/// Sealed (io/sealed_json.h). Replaced by rename. A slot is written here as intended before it is made, and
/// as made once the server has said that it made it: after a crash in between nobody knows whose it is, and
/// it is not dropped. Thread-safe; several processes may change it. Throws StorageError, Corruption, and Busy
/// when another process holds its lock for 2 s.
class MadeSlots {
 public:
  struct Slot {
    std::string name;
    postgres::SystemIdentifier system;
    postgres::Endpoint host;
    bool made = false;  // not only intended
    io::TimePoint created;
  };

  explicit MadeSlots(store::ServerLayout layout) : layout_(std::move(layout)) {}
  /// Whether one was made, on whatever host of the cluster.
  bool has(const std::string& name, postgres::SystemIdentifier system) const;
  bool has(const std::string& name, postgres::SystemIdentifier system, const postgres::Endpoint& host) const;
  /// Nothing happens when it is known to be made there.
  void intend(const std::string& name, postgres::SystemIdentifier system, const postgres::Endpoint& host);
  /// It was not made: only what was intended is forgotten.
  void take_back(const std::string& name, postgres::SystemIdentifier system, const postgres::Endpoint& host);
  /// It was made. Again for one that is known: with the time of now.
  void add(const std::string& name, postgres::SystemIdentifier system, const postgres::Endpoint& host);
  /// It was dropped on that host. Nothing is changed when it is not known. Durable when it returns.
  void remove(const std::string& name, postgres::SystemIdentifier system, const postgres::Endpoint& host);
  /// On every host.
  void remove(const std::string& name, postgres::SystemIdentifier system);
  std::vector<Slot> read() const;

 private:
  template <typename Change>
  void change(Change&& change);
  void keep_as_it_is() const;
  store::ServerLayout layout_;
};

}  // namespace pgkeep::catalog
