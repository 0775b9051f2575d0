#include "catalog/store/compaction.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/io/units.h"
#include "catalog/store/living_objects.h"
#include "catalog/store/pack.h"
#include "catalog/store/pack_files.h"
#include "catalog/store/space_use.h"

namespace pgkeep::store {
namespace {

constexpr std::uint64_t kNoRoomBelow = 16u << 20;  // beyond the pack that is written

/// Copies what is used, frame by frame, each checked. Throws Corruption, and leaves nothing then.
std::uint64_t write_again(const Repository& repository, const ServerLayout& layout, const PackName& name,
                          io::ByteView used) {
  const PackReader old(repository, layout, name);
  auto next = name;
  ++next.generation;
  PackWriter writer(repository, layout, next, old.made_by());
  io::ByteVector frame;
  ObjectEntry dropped;
  dropped.kind = ObjectKind::dropped;
  for (std::uint32_t object = 0; object < old.objects(); ++object) {
    if (!is_used(used, object) || old.is_dropped(object)) {
      writer.add(dropped, {}, {});
      continue;
    }
    const auto& entry = old.entry(object);
    frame.resize(entry.frame_bytes);
    old.read_frame(object, frame);
    writer.add(entry, frame, old.digests(entry));
  }
  writer.finish();
  return writer.bytes();
}

class Compaction {
 public:
  Compaction(const Repository& repository, const ServerLayout& layout)
      : repository_(&repository), layout_(layout), living_(living_objects(layout)) {}

  CompactionResult run(const CompactionPlan& plan, std::uint64_t budget, io::ProgressObserver& observer,
                       const std::stop_token& stop) {
    if (!living_.unknown.empty()) {
      result_.warnings = living_.unknown;
      return std::move(result_);
    }
    const auto files = list_pack_files(layout_);
    const auto total = std::min(budget, wanted(plan));
    for (const auto& candidate : plan.packs) {
      if (stop.stop_requested()) throw Interrupted("stopped between two packs");
      if (result_.written_bytes >= budget || !has_room(candidate)) break;
      observer.progress(
          {.phase = "compacting packs", .done_bytes = result_.written_bytes, .total_bytes = total});
      // Only what is as it was planned.
      const auto file = files.find(candidate.pack.number);
      const auto used = living_.packs.find(candidate.pack.number);
      if (file != files.end() && file->second.back() == candidate.pack && used != living_.packs.end())
        write_again(candidate, used->second);
    }
    return std::move(result_);
  }

 private:
  static std::uint64_t wanted(const CompactionPlan& plan) {
    std::uint64_t bytes = 0;
    for (const auto& candidate : plan.packs) bytes += candidate.file_bytes - candidate.dead_bytes;
    return bytes;
  }

  bool has_room(const CompactionCandidate& candidate) {
    const auto needed = candidate.file_bytes - candidate.dead_bytes + kNoRoomBelow;
    const auto free = io::free_space(layout_.packs());
    if (free >= needed) return true;
    result_.warnings.push_back(
        fmt::format("{}: {} are free, and a pack is written again only where there is room for it: {}",
                    layout_.packs().native(), io::format_bytes(free), io::format_bytes(needed)));
    return false;
  }

  void write_again(const CompactionCandidate& candidate, io::ByteView used) {
    try {
      const auto bytes = store::write_again(*repository_, layout_, candidate.pack, used);
      // The next generation is durable, and its name too: from here on nobody opens this one.
      io::remove_file(layout_.pack(candidate.pack));
      io::sync_directory(layout_.packs());
      ++result_.packs;
      result_.written_bytes += bytes;
      result_.freed_bytes += candidate.file_bytes - std::min(candidate.file_bytes, bytes);
    } catch (const Corruption& damage) {
      result_.warnings.push_back(fmt::format(
          "{}; the pack is left as it is. `pgkeep verify-backup` says what it is needed for", damage.what()));
    }
  }

  const Repository* repository_;
  ServerLayout layout_;
  LivingObjects living_;
  CompactionResult result_;
};

}  // namespace

CompactionPlan plan_compaction(const Repository& repository, const ServerLayout& layout,
                               std::uint64_t dead_percent) {
  CompactionPlan plan;
  auto living = living_objects(layout);
  plan.unknown = std::move(living.unknown);
  for (const auto& [number, files] : list_pack_files(layout)) {
    const auto& name = files.back();
    std::error_code gone;
    const auto size = std::filesystem::file_size(layout.pack(name), gone);
    const auto used = living.packs.find(number);
    if (gone || !plan.unknown.empty()) continue;
    if (used == living.packs.end()) {
      plan.dead_bytes += size;
      continue;
    }
    try {
      const auto dead = unused_bytes(repository, layout, name, used->second);
      plan.dead_bytes += dead;
      plan.live_bytes += size - dead;
      const bool is_last = name.generation == std::numeric_limits<std::uint32_t>::max();
      if (dead != 0 && !is_last && dead * 100 >= dead_percent * size)
        plan.packs.push_back({.pack = name, .file_bytes = size, .dead_bytes = dead});
    } catch (const Error&) {
      plan.live_bytes += size;
    }
  }
  std::ranges::sort(plan.packs, [](const CompactionCandidate& a, const CompactionCandidate& b) {
    return a.dead_bytes * b.file_bytes > b.dead_bytes * a.file_bytes;
  });
  return plan;
}

CompactionResult compact(const Repository& repository, const ServerLayout& layout, const CompactionPlan& plan,
                         std::uint64_t budget, io::ProgressObserver& observer, const std::stop_token& stop) {
  return Compaction(repository, layout).run(plan, budget, observer, stop);
}

}  // namespace pgkeep::store
