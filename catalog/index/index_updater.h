#pragma once

#include <functional>
#include <optional>
#include <string>

#include "catalog/index/server_catalog.h"
#include "catalog/io/guarded.h"

namespace pgkeep::catalog {

/// Tells the index what was added to the archive, by the stream or by a push. The files are the truth, and
/// the index is made again from them, so nobody waits for it: when another process holds it, the rows are
/// written with the next ones, or by the next catch_up(). Another failure is a warning, never an error.
/// Thread-safe; borrows nothing.
class IndexUpdater {
 public:
  using Warn = std::function<void(const std::string&)>;
  IndexUpdater(WalArchive archive, Warn warn) : archive_(std::move(archive)), warn_(std::move(warn)) {}

  void segment_archived(const SegmentFileHeader& segment);
  /// Adds what the index lacks: backups, runs, and of the segments that `names` has the newest. The stream
  /// waits for this, so older ones are left to ServerCatalog::open().
  void catch_up(const WalInventory& names);

 private:
  struct State {
    std::optional<ServerCatalog> index;  // opened with the first row that finds it free
    SegmentSet unwritten;                // archived while another process held it
  };
  void tell(State& state, const std::function<void(ServerCatalog&)>& note);

  WalArchive archive_;
  Warn warn_;
  io::Guarded<State> state_;
};

}  // namespace pgkeep::catalog
