#pragma once

#include <functional>
#include <optional>
#include <string>

#include "catalog/index/server_catalog.h"

// Telling the index of something that is durable in its file.
namespace pgkeep::catalog {

/// What came of it.
struct IndexNote {
  enum class Outcome { written, passed_by, failed } outcome = Outcome::passed_by;
  std::string trouble;  // why it failed, for a warning
};

/// Never waits, and throws for a lack of memory alone: when another process holds the index, or there is none
/// yet, it is passed by. One in which damage is met is removed, since those who only ask may never come upon
/// it; the next open() makes it again. `index` is opened when it holds none, and holds none after a failure.
IndexNote note_in_index(const store::ServerLayout& layout, std::optional<ServerCatalog>& index,
                        const std::function<void(ServerCatalog&)>& note);
/// With an index of its own. Why it failed, for a warning.
std::optional<std::string> note_in_index(const store::ServerLayout& layout,
                                         const std::function<void(ServerCatalog&)>& note);

}  // namespace pgkeep::catalog
