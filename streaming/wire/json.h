#pragma once

#include "catalog/io/json.h"
#include "streaming/wire/wal_status.h"

template <>
struct nlohmann::adl_serializer<pgkeep::streaming::WalStatus>
    : pgkeep::io::WordInJson<pgkeep::streaming::WalStatus, pgkeep::streaming::parse_wal_status> {};
