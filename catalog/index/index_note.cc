#include "catalog/index/index_note.h"

#include <exception>
#include <utility>

#include <fmt/format.h>

namespace pgkeep::catalog {
namespace {

/// Removes the index in which damage was met; what follows from that, for a warning.
std::string discard(const store::ServerLayout& layout) {
  try {
    return ServerCatalog::discard(layout) ? "the next command that reads it makes it again"
                                          : "another process holds it: run `pgkeep rebuild-catalog`";
  } catch (const std::exception& error) {
    return fmt::format("it could not be removed, run `pgkeep rebuild-catalog`: {}", error.what());
  }
}

}  // namespace

IndexNote note_in_index(const store::ServerLayout& layout, std::optional<ServerCatalog>& index,
                        const std::function<void(ServerCatalog&)>& note) {
  using enum IndexNote::Outcome;
  try {
    if (!index) index = ServerCatalog::open_if_free(layout);
    if (!index) return {};
    note(*index);
    return {written, ""};
  } catch (const Busy&) {
    index.reset();
    return {};
  } catch (const Error& error) {
    index.reset();
    if (!is_index_damage(layout, error)) return {failed, error.what()};
    return {failed, fmt::format("{}; {}", error.what(), discard(layout))};
  } catch (const std::exception& error) {
    index.reset();
    return {failed, error.what()};
  }
}

std::optional<std::string> note_in_index(const store::ServerLayout& layout,
                                         const std::function<void(ServerCatalog&)>& note) {
  std::optional<ServerCatalog> index;
  auto noted = note_in_index(layout, index, note);
  if (noted.outcome != IndexNote::Outcome::failed) return std::nullopt;
  return std::move(noted.trouble);
}

}  // namespace pgkeep::catalog
