#include "catalog/event_journal.h"

#include <array>

namespace pgkeep::catalog {
namespace {

constexpr std::array<std::string_view, 8> kKinds{"gap",           "slot_created", "slot_dropped", "slot_lost",
                                                 "slot_given_up", "branch_left",  "split_brain",  "conflict"};

}  // namespace

std::string_view to_string(EventKind kind) {
  return kKinds.at(static_cast<std::size_t>(kind));
}

}  // namespace pgkeep::catalog
