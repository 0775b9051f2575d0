#include "catalog/store/backup_record.h"

#include <algorithm>
#include <array>
#include <tuple>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/io/hashing.h"
#include "catalog/io/sealed_json.h"
#include "catalog/postgres/json.h"
#include "catalog/store/commit_chain.h"
#include "catalog/store/json.h"

namespace pgkeep::store {
namespace {

using Json = nlohmann::ordered_json;  // as it is written
using Stored = nlohmann::json;        // as it is read

constexpr int kFormat = 2;
constexpr std::uint64_t kMaxRecordBytes = 16u << 20;

/// JSON has only text. Bytes that are none (a path in Latin-1, say) also go in as hexadecimal, in an item of
/// their own, beside a text that shows where they were.
void put_bytes(Json& json, const std::string& name, const std::string& bytes) {
  const auto text = Json::parse(Json(bytes).dump(-1, ' ', false, Json::error_handler_t::replace));
  json[name] = text;
  if (text.get_ref<const std::string&>() != bytes) json[name + "_hex"] = io::to_hex(io::as_bytes(bytes));
}

std::string read_bytes(const Stored& json, const std::string& name) {
  const auto exact = json.find(name + "_hex");
  if (exact == json.end()) return json.at(name).get<std::string>();
  const auto& text = exact->get_ref<const std::string&>();
  std::vector<std::byte> bytes(text.size() / 2);
  io::from_hex(text, bytes);
  return std::string(io::as_text(bytes));
}

constexpr std::tuple kCostItems{std::pair{"full_objects", &BackupCost::full_objects},
                                std::pair{"delta_objects", &BackupCost::delta_objects},
                                std::pair{"reused_pieces", &BackupCost::reused_pieces},
                                std::pair{"zero_pieces", &BackupCost::zero_pieces},
                                std::pair{"pack_bytes", &BackupCost::pack_bytes},
                                std::pair{"metadata_bytes", &BackupCost::metadata_bytes}};

Json ranges_json(const std::vector<postgres::ManifestWalRange>& ranges) {
  Json json = Json::array();
  for (const auto& range : ranges)
    json.push_back({{"timeline", range.timeline}, {"start", range.start}, {"end", range.end}});
  return json;
}

std::vector<postgres::ManifestWalRange> read_ranges(const Stored& json) {
  std::vector<postgres::ManifestWalRange> ranges;
  for (const auto& item : json) {
    auto& range = ranges.emplace_back();
    io::read_item(item, "timeline", range.timeline);
    io::read_item(item, "start", range.start);
    io::read_item(item, "end", range.end);
  }
  return ranges;
}

Json tablespaces_json(const std::vector<TablespaceRecord>& tablespaces) {
  Json json = Json::array();
  for (const auto& space : tablespaces) {
    Json item{{"oid", space.oid}};
    put_bytes(item, "name", space.name);
    put_bytes(item, "location", space.location);
    json.push_back(std::move(item));
  }
  return json;
}

std::vector<TablespaceRecord> read_tablespaces(const Stored& json) {
  std::vector<TablespaceRecord> tablespaces;
  for (const auto& space : json) {
    tablespaces.push_back({io::whole_number<std::uint32_t>(space.at("oid")), read_bytes(space, "name"),
                           read_bytes(space, "location")});
  }
  return tablespaces;
}

constexpr std::array kConfigurationItems{std::pair{"data_directory", &ConfigurationFiles::data_directory},
                                         std::pair{"config_file", &ConfigurationFiles::config_file},
                                         std::pair{"hba_file", &ConfigurationFiles::hba_file},
                                         std::pair{"ident_file", &ConfigurationFiles::ident_file},
                                         std::pair{"hosts_file", &ConfigurationFiles::hosts_file}};

Json configuration_json(const ConfigurationFiles& files) {
  auto json = Json::object();
  for (const auto& [name, path] : kConfigurationItems)
    if (!(files.*path).empty()) put_bytes(json, name, files.*path);
  return json;
}

ConfigurationFiles read_configuration(const Stored& json) {
  ConfigurationFiles files;
  for (const auto& [name, path] : kConfigurationItems)
    if (json.contains(name)) files.*path = read_bytes(json, name);
  return files;
}

void check_format(const Stored& json) {
  const int format = io::whole_number<int>(json.at("pgkeep_backup"));
  if (format != kFormat)
    throw Corruption(fmt::format("format {} is not the one that this program knows ({})", format, kFormat));
}

BackupRecord read_items_of_record(const Stored& json) {
  check_format(json);
  BackupRecord record(json.at("id").get<BackupId>());
  io::read_item(json, "sequence", record.sequence);
  require_possible(record.sequence);
  io::read_item(json, "previous_record_sha256", record.previous_record_sha256);
  io::read_item(json, "server", record.server);
  record.label = read_bytes(json, "label");
  io::read_item(json, "system_identifier", record.system);
  io::read_item(json, "server_version", record.server_version);
  io::read_item(json, "major_version", record.major_version);
  record.wal_segment_size =
      postgres::WalSegmentSize(io::whole_number<std::uint64_t>(json.at("wal_segment_bytes")));
  io::read_item(json, "block_bytes", record.block_bytes);
  io::read_item(json, "data_checksums", record.data_checksums);
  io::read_item(json, "from_standby", record.from_standby);
  io::read_item(json, "start", record.start);
  io::read_item(json, "end", record.end);
  record.wal_ranges = read_ranges(json.at("wal_ranges"));
  io::read_item(json, "started", record.started);
  io::read_item(json, "ended", record.ended);
  io::read_item(json, "file_count", record.file_count);
  io::read_item(json, "data_bytes", record.data_bytes);
  record.tablespaces = read_tablespaces(json.at("tablespaces"));
  io::read_item(json, "directory_mode", record.directory_mode);
  record.configuration = read_configuration(json.at("configuration"));
  io::read_items(json.at("cost"), record.cost, kCostItems);
  if (json.contains("compared_with")) record.compared_with = json.at("compared_with").get<BackupId>();
  io::read_item(json, "checksum_failures", record.checksum_failures);
  if (json.contains("checksums_verified"))
    io::read_item(json, "checksums_verified", record.checksums_verified);
  if (json.contains("damaged_files")) io::read_item(json, "damaged_files", record.damaged_files);
  io::read_item(json, "notices", record.notices);
  io::read_item(json, "contents_sha256", record.contents_sha256);
  io::read_item(json, "manifest_sha256", record.manifest_sha256);
  return record;
}

std::optional<BackupRecord> read_record(const std::filesystem::path& path, const BackupId& id) {
  const auto content = io::read_file_if_exists(path, kMaxRecordBytes);
  if (!content) return std::nullopt;
  auto record = io::from_sealed_json(path.native(), io::as_text(*content), {}, read_items_of_record);
  if (record.id != id) {
    throw Corruption(fmt::format("{}: it says that it is backup {}", path.native(), record.id.to_string()));
  }
  io::MemorySource source(*content);
  record.record_sha256 = io::sha256_hex(source);
  return record;
}

}  // namespace

std::vector<std::pair<std::string_view, std::string>> ConfigurationFiles::outside() const {
  std::vector<std::pair<std::string_view, std::string>> found;
  if (data_directory.empty()) return found;
  for (const auto& [name, member] : kConfigurationItems) {
    const auto& path = this->*member;
    const bool inside = path == data_directory || path.starts_with(data_directory + "/");
    if (!path.empty() && !inside) found.emplace_back(name, path);
  }
  return found;
}

void to_json(nlohmann::ordered_json& json, const BackupCost& cost) {
  io::write_items(json, cost, kCostItems);
}

std::string BackupRecord::to_json() const {
  Json json{{"pgkeep_backup", kFormat},
            {"id", id},
            {"sequence", sequence},
            {"previous_record_sha256", previous_record_sha256},
            {"server", server},
            {"label", ""},
            {"system_identifier", system},
            {"server_version", server_version},
            {"major_version", major_version},
            {"wal_segment_bytes", wal_segment_size.bytes()},
            {"block_bytes", block_bytes},
            {"data_checksums", data_checksums},
            {"from_standby", from_standby},
            {"start", start},
            {"end", end},
            {"wal_ranges", ranges_json(wal_ranges)},
            {"started", started},
            {"ended", ended},
            {"file_count", file_count},
            {"data_bytes", data_bytes},
            {"tablespaces", tablespaces_json(tablespaces)},
            {"directory_mode", directory_mode},
            {"configuration", configuration_json(configuration)},
            {"cost", cost},
            {"checksum_failures", checksum_failures},
            {"notices", notices},
            {"contents_sha256", contents_sha256},
            {"manifest_sha256", manifest_sha256}};
  if (compared_with) json["compared_with"] = *compared_with;
  if (!checksums_verified) json["checksums_verified"] = false;
  if (!damaged_files.empty()) json["damaged_files"] = damaged_files;
  put_bytes(json, "label", label);
  // The server's warnings are for people: what is not UTF-8 in them is replaced.
  return io::seal_json(json.dump(2, ' ', false, Json::error_handler_t::replace)) + "\n";
}

BackupRecord BackupRecord::from_json(std::string_view text) {
  return io::from_sealed_json("not a backup record", text, {}, read_items_of_record);
}

bool is_older(const BackupRecord& a, const BackupRecord& b) {
  const auto place = [](const BackupRecord& backup) {
    return std::tuple(backup.start.timeline, backup.start.lsn, backup.end.timeline, backup.end.lsn,
                      backup.id);  // the id tells two apart that were taken with one checkpoint
  };
  return place(a) < place(b);
}

std::optional<BackupRecord> read_backup_record(const ServerLayout& layout, const BackupId& id) {
  return read_record(layout.record(id), id);
}

std::optional<BackupRecord> read_waiting_record(const ServerLayout& layout, const BackupId& id) {
  return read_record(layout.waiting_record(id), id);
}

BackupListing list_backup_records(const ServerLayout& layout) {
  BackupListing listing;
  for (const auto& entry : io::entries(layout.backups())) {
    const auto id = BackupId::parse(entry.path().filename().native());
    if (!id) continue;
    try {
      if (auto record = read_backup_record(layout, *id)) listing.backups.push_back(std::move(*record));
    } catch (const Error& e) {
      listing.unread.push_back({*id, e.what(), is_denied(e)});
    }
  }
  std::ranges::sort(listing.backups, is_older);
  std::ranges::sort(listing.unread, {}, &UnreadBackup::id);
  return listing;
}

std::string describe(const UnreadBackup& backup) {
  return fmt::format("backup {} is there, but its record {}: {}", backup.id.to_string(),
                     backup.denied ? "cannot be read" : "is damaged", backup.why);
}

}  // namespace pgkeep::store
