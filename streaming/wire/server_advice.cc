#include "streaming/wire/server_advice.h"

#include <fmt/format.h>

namespace pgkeep::streaming {
namespace {

std::string advice(std::string_view sqlstate, const std::string& slot) {
  if (sqlstate == "53400") {
    return "the server has no place left for a replication slot: raise max_replication_slots there, or drop "
           "one that nobody uses";
  }
  if (sqlstate == "55006") {
    return fmt::format(
        "an earlier connection of slot {} still lives on the server, which ends it after wal_sender_timeout; "
        "or another program uses that slot",
        slot);
  }
  if (sqlstate == "42704") {
    return fmt::format(
        "slot {} is not there, and pgkeep may not make it here: `pgkeep create-slot` does, or allow it by "
        "create_slot",
        slot);
  }
  if (sqlstate == "55000") {
    return fmt::format(
        "if the server has invalidated slot {}: drop it (`pgkeep drop-slot --force`) and make it anew "
        "(`pgkeep create-slot`)",
        slot);
  }
  return {};
}

}  // namespace

ServerError with_advice(const ServerError& error, const std::string& slot) {
  const auto what_to_do = advice(error.sqlstate(), slot);
  if (what_to_do.empty()) return error;
  return {error.sqlstate(), fmt::format("{}; {}", error.what(), what_to_do)};
}

bool is_refused_login(const ServerError& error) {
  return error.sqlstate() == "28000" || error.sqlstate() == "28P01";
}

}  // namespace pgkeep::streaming
