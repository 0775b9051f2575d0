#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "catalog/io/progress.h"
#include "catalog/io/units.h"
#include "catalog/store/backup_record.h"
#include "streaming/wire/base_backup.h"
#include "streaming/wire/connection.h"

namespace pgkeep::streaming {

/// What only an SQL session tells of the server that is backed up: the tablespaces there are, where the
/// configuration lies, and the server's clock. A server that refuses the session is backed up all the same.
/// One thread.
class SourceFacts {
 public:
  /// Asks. Throws Interrupted; anything else that fails is a warning.
  SourceFacts(const ConnectionSettings& settings, io::ProgressObserver& observer,
              const std::stop_token& stop);

  const store::ConfigurationFiles& configuration() const noexcept { return configuration_; }
  /// Empty when it is not known.
  std::string tablespace_name(std::uint32_t oid) const;
  /// Up to 15, PostgreSQL leaves a tablespace out of a base backup without a word when pg_tblspc has a
  /// directory for it and no link. Throws Refused for one that was there before and is not in `announced`.
  void require_all(const std::vector<Tablespace>& announced);
  /// The server's clock, which a recovery target in time refers to; ours when it cannot be asked.
  io::TimePoint now();

 private:
  std::map<std::string, std::string> ask_tablespaces();

  std::optional<Connection> session_;
  std::map<std::string, std::string> tablespaces_;  // OID and name
  store::ConfigurationFiles configuration_;
};

}  // namespace pgkeep::streaming
