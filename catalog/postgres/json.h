#pragma once

#include "catalog/io/json.h"
#include "catalog/postgres/endpoint.h"
#include "catalog/postgres/timeline.h"

// PostgreSQL's values in JSON: an LSN and the identifier of a system are text, since many readers of JSON
// keep only 53 bits of a number; a timeline is a number.

template <>
struct nlohmann::adl_serializer<pgkeep::postgres::Lsn> : pgkeep::io::TextInJson<pgkeep::postgres::Lsn> {};

template <>
struct nlohmann::adl_serializer<pgkeep::postgres::SystemIdentifier>
    : pgkeep::io::TextInJson<pgkeep::postgres::SystemIdentifier> {};

template <>
struct nlohmann::adl_serializer<pgkeep::postgres::Endpoint> {
  template <typename Json>
  static void to_json(Json& json, const pgkeep::postgres::Endpoint& endpoint) {
    json = endpoint.to_string();
  }
  static pgkeep::postgres::Endpoint from_json(const nlohmann::json& json) {
    return pgkeep::postgres::Endpoint::from_text(json.get<std::string>());
  }
};

template <>
struct nlohmann::adl_serializer<pgkeep::postgres::TimelineId> {
  template <typename Json>
  static void to_json(Json& json, pgkeep::postgres::TimelineId timeline) {
    json = timeline.value();
  }
  static pgkeep::postgres::TimelineId from_json(const nlohmann::json& json) {
    return pgkeep::postgres::TimelineId(pgkeep::io::whole_number<std::uint32_t>(json));
  }
};

template <>
struct nlohmann::adl_serializer<pgkeep::postgres::WalPosition> {
  template <typename Json>
  static void to_json(Json& json, const pgkeep::postgres::WalPosition& position) {
    json = Json{{"timeline", position.timeline}, {"lsn", position.lsn}};
  }
  static pgkeep::postgres::WalPosition from_json(const nlohmann::json& json) {
    return {json.at("timeline").get<pgkeep::postgres::TimelineId>(),
            json.at("lsn").get<pgkeep::postgres::Lsn>()};
  }
};
