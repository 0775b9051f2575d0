#pragma once

#include <functional>
#include <optional>
#include <string>

#include "catalog/index/server_catalog.h"
#include "catalog/io/guarded.h"

namespace pgkeep::catalog {

/// Tells the index what was added to the archive, by the stream or by a push. The files are the truth, and
/// the index is made again from them, so nobody waits for it: when another process holds it, the row is left
/// for the next reader of the index, without a word. Another failure is a warning, never an error.
/// Thread-safe; borrows nothing.
class IndexUpdater {
 public:
  using Warn = std::function<void(const std::string&)>;
  IndexUpdater(store::ServerLayout layout, Warn warn) : layout_(std::move(layout)), warn_(std::move(warn)) {}

  void segment_archived(const SegmentFileHeader& segment);
  void history_stored(postgres::TimelineId timeline, const std::string& content);

 private:
  template <typename Write>
  void write(Write&& write);

  store::ServerLayout layout_;
  Warn warn_;
  io::Guarded<std::optional<ServerCatalog>> index_;  // opened with the first row that finds it free
};

}  // namespace pgkeep::catalog
