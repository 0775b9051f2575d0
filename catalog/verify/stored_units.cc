#include "catalog/verify/stored_units.h"

#include <algorithm>
#include <array>
#include <optional>
#include <tuple>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/io/file_facts.h"
#include "catalog/store/pack_files.h"
#include "catalog/wal/set_aside_line.h"
#include "catalog/wal/wal_archive.h"

namespace pgkeep::catalog {
namespace {

class Listing {
 public:
  explicit Listing(const store::ServerLayout& layout) : layout_(layout) {}

  std::vector<StoredUnit> run() {
    for (const auto& [number, files] : store::list_pack_files(layout_))
      add(files.back(), layout_.pack(files.back()));
    for (const auto& line : layouts_of_lines(layout_)) add_wal(line);
    for (const auto& entry : io::entries(layout_.backups())) {
      const auto id = store::BackupId::parse(entry.path().filename().native());
      if (id && io::is_there(layout_.record(*id))) add(*id, layout_.record(*id));
    }
    return std::move(units_);
  }

 private:
  /// What goes meanwhile is not there.
  template <typename What>
  void add(const What& what, const std::filesystem::path& path) {
    if (const auto facts = io::facts_of(path)) units_.push_back({what, facts->bytes, facts->written});
  }

  void add_wal(const store::ServerLayout& line) {
    std::optional<ServerIdentity> identity;
    try {
      identity = read_identity(line);
    } catch (const Error& error) {  // told when the small files are read
      if (!is_damage(error)) throw;
    }
    if (!identity) return;
    const auto size = identity->wal_segment_size;
    const auto segments = WalArchive(line, *identity).inventory().segments;
    units_.reserve(units_.size() + segments.size());
    for (const auto& segment : segments)
      add(SegmentOfLine{line.line(), segment, size}, line.archived(segment, size));
  }

  store::ServerLayout layout_;
  std::vector<StoredUnit> units_;
};

}  // namespace

std::vector<StoredUnit> list_stored_units(const store::ServerLayout& layout) {
  return Listing(layout).run();
}

StoredKind kind_of(const StoredUnit& unit) {
  constexpr std::array kKinds{StoredKind::pack, StoredKind::wal,
                              StoredKind::backup};  // as the variant has them
  return kKinds.at(unit.what.index());
}

std::string name_of(const StoredUnit& unit) {
  if (const auto* pack = std::get_if<store::PackName>(&unit.what)) return fmt::format("{:08}", pack->number);
  if (const auto* wal = std::get_if<SegmentOfLine>(&unit.what)) return wal->segment.name(wal->size);
  return std::get<store::BackupId>(unit.what).to_string();
}

std::optional<unsigned> line_of(const StoredUnit& unit) {
  const auto* wal = std::get_if<SegmentOfLine>(&unit.what);
  return wal ? wal->line : std::nullopt;
}

io::TimePoint proved_at(const StoredUnit& unit, const VerificationMemory& memory, io::TimePoint now) {
  const auto checked = std::visit([&](const auto& what) { return memory.checked(what); }, unit.what);
  io::TimePoint at;
  for (const auto time : {unit.written, checked.value_or(io::TimePoint())})
    if (time <= now) at = std::max(at, time);
  return at;
}

VerificationPlan plan_verification(std::span<const StoredUnit> units, const VerificationMemory& memory,
                                   const VerificationLimits& limits, io::TimePoint now) {
  struct Due {
    bool damaged;
    io::TimePoint proved;
    std::size_t unit;
  };
  std::vector<Due> due;
  for (std::size_t i = 0; i < units.size(); ++i) {
    const auto& unit = units[i];
    const bool damaged =
        !memory.damage().empty() && memory.is_damaged(kind_of(unit), name_of(unit), line_of(unit));
    const auto proved = proved_at(unit, memory, now);
    if (damaged || proved <= now - limits.older_than) due.push_back({damaged, proved, i});
  }
  std::ranges::sort(due, {}, [](const Due& one) { return std::tuple(!one.damaged, one.proved, one.unit); });
  VerificationPlan plan;
  for (const auto& one : due) {
    const auto bytes = units[one.unit].bytes;
    if (!one.damaged && limits.budget != 0 && plan.bytes >= limits.budget) {
      ++plan.left_units;
      plan.left_bytes += bytes;
    } else {
      plan.bytes += bytes;
      plan.units.push_back(&units[one.unit]);
    }
  }
  return plan;
}

}  // namespace pgkeep::catalog
