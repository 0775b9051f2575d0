#pragma once

#include "catalog/io/json.h"
#include "catalog/store/backup_id.h"

template <>
struct nlohmann::adl_serializer<pgkeep::store::BackupId> : pgkeep::io::TextInJson<pgkeep::store::BackupId> {};
