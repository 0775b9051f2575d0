#include "catalog/records/identity.h"

#include <limits>
#include <stdexcept>
#include <string>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/io/lock.h"
#include "catalog/io/sealed_json.h"
#include "catalog/postgres/json.h"

namespace pgkeep::catalog {
namespace {

// identity.json, sealed (io/sealed_json.h):
//
//   {"format": 1, "system_identifier": "7412345678901234567", "major_version": 18,
//    "wal_segment_size": 16777216, "block_size": 8192}
//
// The identifier is text because many JSON readers keep only 53 bits of a number.
constexpr int kFormat = 1;
constexpr std::uint64_t kMaxFileBytes = 4096;

std::string describe(const ServerIdentity& identity) {
  return fmt::format("system identifier {}, PostgreSQL {}, WAL segments of {} bytes, blocks of {} bytes",
                     identity.system.to_string(), identity.major_version, identity.wal_segment_size.bytes(),
                     identity.block_bytes);
}

std::uint32_t number(const nlohmann::json& json, const char* key) {
  const auto value = io::whole_number<std::int64_t>(json.at(key));
  if (value <= 0 || value > std::numeric_limits<std::int32_t>::max()) {
    throw std::invalid_argument(fmt::format("\"{}\" is {}", key, value));
  }
  return static_cast<std::uint32_t>(value);
}

ServerIdentity parse(const nlohmann::json& json) {
  if (const auto format = number(json, "format"); format != kFormat) {
    throw std::invalid_argument(fmt::format("format {} is not known to this pgkeep", format));
  }
  return {.system = json.at("system_identifier").get<postgres::SystemIdentifier>(),
          .major_version = static_cast<int>(number(json, "major_version")),
          .wal_segment_size = postgres::WalSegmentSize(number(json, "wal_segment_size")),
          .block_bytes = number(json, "block_size")};
}

/// The first contact may be made by two processes at once, a backup and the receiver: the second waits, and
/// finds the file written.
ServerIdentity read_or_write_identity(const store::ServerLayout& layout, const ServerIdentity& answered) {
  const auto lock_path = layout.writer_lock().replace_filename("identity");
  io::make_directories(lock_path.parent_path());
  const auto lock = io::File::open_or_create(lock_path);
  io::lock_alone(lock);
  if (const auto known = read_identity(layout)) return *known;
  write_identity(layout.identity(), answered);
  return answered;
}

}  // namespace

std::optional<ServerIdentity> read_identity(const store::ServerLayout& layout) {
  if (layout.line()) {
    auto own = io::read_sealed_json(layout.line_identity(), kMaxFileBytes,
                                    "bring it back from another copy of the repository", parse);
    if (own) return own;
  }
  return io::read_sealed_json(layout.identity(), kMaxFileBytes,
                              "remove the file: it is written again at the next contact with the server",
                              parse);
}

void write_identity(const std::filesystem::path& file, const ServerIdentity& identity) {
  const nlohmann::ordered_json json{{"format", kFormat},
                                    {"system_identifier", identity.system},
                                    {"major_version", identity.major_version},
                                    {"wal_segment_size", identity.wal_segment_size.bytes()},
                                    {"block_size", identity.block_bytes}};
  io::write_sealed_json(file, json);
}

void confirm_identity(const store::ServerLayout& layout, const ServerIdentity& answered) {
  auto known = read_identity(layout);
  if (!known) known = read_or_write_identity(layout, answered);
  // Seen is not durable: without it nobody knows whose WAL this is, and the next server is taken.
  if (*known == answered) return io::sync_directory(layout.root());
  throw Refused(fmt::format(
      "the server that answered is not the one kept in {}: it has {}, but here is kept {}. "
      "Nothing was stored. Correct the conninfo if it leads to the wrong server. "
      "If the cluster was upgraded or created again, "
      "`pgkeep new-line {} --new-cluster` sets aside what is held, which stays recoverable, "
      "and begins with a new backup; to keep both, give it a new server name",
      layout.root().native(), describe(answered), describe(*known), layout.root().filename().native()));
}

}  // namespace pgkeep::catalog
