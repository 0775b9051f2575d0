#pragma once

#include <functional>
#include <optional>
#include <string>

#include "catalog/index/server_catalog.h"
#include "catalog/io/guarded.h"

namespace pgkeep::streaming {

/// Tells the index what the archive got. The files are the truth and the index is made again from them, so
/// the archiver never waits for it: when another process holds it, the row is left for the next one who reads
/// the index, without a word. Another failure is a warning, never an error. Thread-safe; borrows nothing.
class WalIndex {
 public:
  using Warn = std::function<void(const std::string&)>;
  WalIndex(store::ServerLayout layout, Warn warn) : layout_(std::move(layout)), warn_(std::move(warn)) {}

  void segment_archived(const catalog::SegmentFileHeader& segment);
  void history_stored(postgres::TimelineId timeline, const std::string& content);

 private:
  template <typename Write>
  void write(Write&& write);

  store::ServerLayout layout_;
  Warn warn_;
  io::Guarded<std::optional<catalog::ServerCatalog>> index_;  // opened with the first row that finds it free
};

}  // namespace pgkeep::streaming
