#pragma once

#include "catalog/postgres/json.h"
#include "catalog/records/event_journal.h"
#include "catalog/records/run_journal.h"
#include "catalog/records/stream_state.h"
#include "catalog/records/wal_range.h"

// Records in JSON: enumerations by their words, and what documents show of a range.

template <>
struct nlohmann::adl_serializer<pgkeep::catalog::EventKind>
    : pgkeep::io::WordInJson<pgkeep::catalog::EventKind, pgkeep::catalog::parse_event_kind> {};

template <>
struct nlohmann::adl_serializer<pgkeep::catalog::RunOutcome>
    : pgkeep::io::WordInJson<pgkeep::catalog::RunOutcome, pgkeep::catalog::parse_run_outcome> {};

template <>
struct nlohmann::adl_serializer<pgkeep::catalog::StreamPhase>
    : pgkeep::io::WordInJson<pgkeep::catalog::StreamPhase, pgkeep::catalog::parse_stream_phase> {};

template <>
struct nlohmann::adl_serializer<pgkeep::catalog::WalRange> {
  template <typename Json>
  static void to_json(Json& json, const pgkeep::catalog::WalRange& range) {
    json = Json{{"timeline", range.timeline}, {"begin_lsn", range.begin}, {"end_lsn", range.end}};
  }
};
