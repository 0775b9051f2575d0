#include "catalog/verify/verification_memory.h"

#include <algorithm>
#include <stdexcept>

#include "catalog/io/json.h"
#include "catalog/io/sealed_json.h"
#include "catalog/postgres/json.h"
#include "catalog/store/json.h"

template <>
struct nlohmann::adl_serializer<pgkeep::catalog::StoredKind>
    : pgkeep::io::WordInJson<pgkeep::catalog::StoredKind, pgkeep::catalog::parse_stored_kind> {};

namespace pgkeep::catalog {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kFormat = 1;
constexpr std::uint64_t kMaxBytes = std::uint64_t{64} << 20;

Json json_of(const CheckedTimes& times) {
  auto ranges = Json::array();
  for (const auto& range : times.ranges()) ranges.push_back(Json::array({range.first, range.last, range.at}));
  return ranges;
}

CheckedTimes times_from(const nlohmann::json& json) {
  CheckedTimes times;
  for (const auto& range : json) {
    times.note({io::whole_number<std::uint64_t>(range.at(0)), io::whole_number<std::uint64_t>(range.at(1)),
                range.at(2).get<io::TimePoint>()});
  }
  return times;
}

Json json_of(const StoredDamage& damage) {
  auto objects = Json::array();
  for (const auto& ref : damage.objects) objects.push_back(Json::array({ref.pack, ref.object}));
  return {{"kind", damage.kind},
          {"name", damage.name},
          {"line", damage.line},
          {"what", damage.what},
          {"since", damage.since},
          {"whole", damage.whole},
          {"objects", std::move(objects)},
          {"attributed", damage.attributed},
          {"backups", damage.backups},
          {"files", damage.files},
          {"file_count", damage.file_count}};
}

StoredDamage damage_from(const nlohmann::json& json) {
  StoredDamage damage;
  io::read_item(json, "kind", damage.kind);
  io::read_item(json, "name", damage.name);
  io::read_item(json, "line", damage.line);
  io::read_item(json, "what", damage.what);
  io::read_item(json, "since", damage.since);
  io::read_item(json, "whole", damage.whole);
  for (const auto& ref : json.at("objects")) {
    damage.objects.push_back(
        {io::whole_number<std::uint32_t>(ref.at(0)), io::whole_number<std::uint32_t>(ref.at(1))});
  }
  io::read_item(json, "attributed", damage.attributed);
  for (const auto& id : json.at("backups")) damage.backups.push_back(id.get<store::BackupId>());
  io::read_item(json, "files", damage.files);
  io::read_item(json, "file_count", damage.file_count);
  return damage;
}

}  // namespace

void VerificationMemory::note_sound(const store::PackName& pack, io::TimePoint at) {
  packs_.note(pack.number, at);
}

void VerificationMemory::note_sound(const SegmentOfLine& segment, io::TimePoint at) {
  wal_[{segment.line, segment.segment.timeline}].note(segment.segment.number, at);
}

void VerificationMemory::note_sound(const store::BackupId& backup, io::TimePoint at) {
  backups_.insert_or_assign(backup, at);
}

std::optional<io::TimePoint> VerificationMemory::checked(const store::PackName& pack) const {
  return packs_.at(pack.number);
}

std::optional<io::TimePoint> VerificationMemory::checked(const SegmentOfLine& segment) const {
  const auto times = wal_.find({segment.line, segment.segment.timeline});
  return times == wal_.end() ? std::nullopt : times->second.at(segment.segment.number);
}

std::optional<io::TimePoint> VerificationMemory::checked(const store::BackupId& backup) const {
  const auto time = backups_.find(backup);
  return time == backups_.end() ? std::nullopt : std::optional(time->second);
}

void VerificationMemory::keep_backups(const std::vector<store::BackupId>& there) {
  std::erase_if(backups_,
                [&](const auto& known) { return std::ranges::find(there, known.first) == there.end(); });
}

bool VerificationMemory::is_damaged(StoredKind kind, const std::string& name,
                                    std::optional<unsigned> line) const {
  return std::ranges::binary_search(damage_, std::tie(kind, name, line), {}, &StoredDamage::key);
}

void VerificationMemory::note_damage(StoredDamage damage) {
  const auto place = std::ranges::lower_bound(damage_, damage.key(), {}, &StoredDamage::key);
  if (place == damage_.end() || place->key() != damage.key()) {
    damage_.insert(place, std::move(damage));
    return;
  }
  damage.since = place->since;
  *place = std::move(damage);
}

bool VerificationMemory::forget_damage(StoredKind kind, const std::string& name,
                                       std::optional<unsigned> line) {
  return std::erase_if(damage_, [key = std::tie(kind, name, line)](const StoredDamage& damage) {
           return damage.key() == key;
         }) != 0;
}

VerificationMemory read_verification_memory(const store::ServerLayout& layout) {
  const auto parse = [](const nlohmann::json& json) {
    if (io::whole_number<int>(json.at("format")) != kFormat) throw std::invalid_argument("an unknown format");
    VerificationMemory memory;
    memory.packs_ = times_from(json.at("packs"));
    for (const auto& wal : json.at("wal")) {
      VerificationMemory::WalOf of;
      io::read_item(wal, "line", of.first);
      io::read_item(wal, "timeline", of.second);
      memory.wal_[of] = times_from(wal.at("segments"));
    }
    for (const auto& backup : json.at("backups"))
      memory.note_sound(backup.at(0).get<store::BackupId>(), backup.at(1).get<io::TimePoint>());
    for (const auto& damage : json.at("damaged")) memory.note_damage(damage_from(damage));
    return memory;
  };
  return io::read_sealed_json(layout.verified(), kMaxBytes,
                              "it tells what was read back when, and what is damaged: remove it, and "
                              "`pgkeep verify` finds that again",
                              parse)
      .value_or(VerificationMemory());
}

void write_verification_memory(const store::ServerLayout& layout, const VerificationMemory& memory) {
  auto wal = Json::array();
  for (const auto& [of, times] : memory.wal_)
    wal.push_back({{"line", of.first}, {"timeline", of.second}, {"segments", json_of(times)}});
  auto backups = Json::array();
  for (const auto& [id, at] : memory.backups_) backups.push_back(Json::array({id, at}));
  auto damaged = Json::array();
  for (const auto& damage : memory.damage_) damaged.push_back(json_of(damage));
  io::write_sealed_json(layout.verified(), {{"format", kFormat},
                                            {"packs", json_of(memory.packs_)},
                                            {"wal", std::move(wal)},
                                            {"backups", std::move(backups)},
                                            {"damaged", std::move(damaged)}});
}

}  // namespace pgkeep::catalog
