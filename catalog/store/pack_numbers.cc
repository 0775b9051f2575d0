#include "catalog/store/pack_numbers.h"

#include <algorithm>
#include <limits>
#include <optional>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/io/json.h"
#include "catalog/io/sealed_json.h"
#include "catalog/store/living_objects.h"
#include "catalog/store/pack_set.h"

namespace pgkeep::store {
namespace {

constexpr std::uint64_t kMaxBytes = 4u << 10;
/// Given at once, so that a large backup does not wait for an fsync with each of its packs. Those that it
/// does not use are lost, of four thousand million.
constexpr std::uint32_t kGivenAtOnce = 16;
constexpr std::uint64_t kPassedOver = 1u << 20;  // packs of 64 TiB
constexpr auto kLast = std::numeric_limits<std::uint32_t>::max() - 1;

/// The last number that was given; nothing when that is not known.
std::optional<std::uint32_t> read_given(const ServerLayout& layout) {
  try {
    return io::read_sealed_json(layout.pack_numbers(), kMaxBytes, {}, [](const nlohmann::json& json) {
      return io::whole_number<std::uint32_t>(json.at("given"));
    });
  } catch (const Corruption&) {
    return std::nullopt;
  }
}

/// A pack that was lost keeps its number while a backup names it. Of a backup that cannot be read nobody
/// knows what it names: so many more are passed over then as no server ever uses.
std::uint32_t highest_named(const ServerLayout& layout) {
  const auto living = living_objects(layout);
  const auto highest = living.packs.empty() ? 0 : living.packs.rbegin()->first;
  if (living.unknown.empty()) return highest;
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(std::uint64_t{highest} + kPassedOver, kLast));
}

/// Also where packs.json is there: in a copy of the repository it may be older than the rest.
std::uint32_t highest_seen(const ServerLayout& layout) {
  const auto suspects = read_suspects(layout);
  const auto files = list_pack_files(layout);
  return std::max(suspects.empty() ? 0 : suspects.rbegin()->pack, files.empty() ? 0 : files.rbegin()->first);
}

}  // namespace

PackNumbers::PackNumbers(const ServerLayout& layout) : layout_(layout) {
  const auto given = read_given(layout);
  given_ = std::max(given ? *given : highest_named(layout), highest_seen(layout));
  next_ = std::uint64_t{given_} + 1;
}

std::uint32_t PackNumbers::take() {
  if (next_ > kLast) {
    throw Refused(fmt::format(
        "{}: pack {} was the last, and there are no numbers after that, "
        "so that nothing more can be stored for this server. No repository comes so far by itself: "
        "begin with another repository",
        layout_.packs().native(), kLast));
  }
  if (next_ > given_) {
    given_ = static_cast<std::uint32_t>(std::min<std::uint64_t>(next_ + kGivenAtOnce - 1, kLast));
    io::write_sealed_json(layout_.pack_numbers(), {{"given", given_}});
  }
  return static_cast<std::uint32_t>(next_++);
}

}  // namespace pgkeep::store
