#include "catalog/verify/pack_verification.h"

#include <optional>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/verify/damage_finder.h"

namespace pgkeep::catalog {
namespace {

/// What is wrong with an object; nothing when it is what was stored.
std::optional<std::string> damage_of(store::ObjectReader& reader, store::ObjectRef ref, io::ByteSpan into) {
  try {
    reader.read(ref, into);
    return std::nullopt;
  } catch (const Error& error) {
    if (!is_damage(error)) throw;
    return error.what();
  }
}

}  // namespace

PackReport verify_pack(store::PackSet& packs, std::uint32_t number,
                       const std::function<bool(std::uint32_t object)>& is_needed,
                       const std::function<void(std::uint64_t bytes)>& tick) {
  PackReport report;
  std::shared_ptr<const store::PackReader> pack;
  try {
    pack = packs.open(number);
  } catch (const Error& error) {
    if (!is_damage(error)) throw;
    return {.damage = error.what(), .objects = {}, .opens = false};
  }
  store::ObjectReader reader(packs);
  DamageFinder finder(packs);
  io::ByteVector buffer;
  std::uint64_t damaged = 0;
  for (std::uint32_t object = 0; object < pack->objects(); ++object) {
    if (!is_needed(object)) continue;
    const store::ObjectRef ref{number, object};
    std::optional<std::string> damage;
    if (pack->is_dropped(object)) {
      damage =
          fmt::format("{}: object {} was dropped, though a backup needs it", pack->path().native(), object);
      report.objects.insert(ref);
    } else {
      const auto& entry = pack->entry(object);
      buffer.resize(entry.length);
      damage = damage_of(reader, ref, buffer);
      if (damage) finder.find(ref, entry.length, report.objects);
      tick(entry.frame_bytes);
    }
    if (damage && damaged++ == 0) report.damage = *std::move(damage);
  }
  if (damaged > 1)
    report.damage = fmt::format("{} objects cannot be read back, the first: {}", damaged, report.damage);
  return report;
}

}  // namespace pgkeep::catalog
