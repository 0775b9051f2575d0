#pragma once

#include "catalog/store/backup_record.h"
#include "streaming/wire/connection.h"

namespace pgkeep::streaming {

/// Where the server has its configuration, over an SQL session. What is not shown to our role (it takes
/// pg_read_all_settings, which pg_monitor brings) stays empty.
store::ConfigurationFiles ask_configuration_files(Connection& sql);

}  // namespace pgkeep::streaming
