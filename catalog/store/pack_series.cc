#include "catalog/store/pack_series.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/store/file_table.h"
#include "catalog/store/pack_set.h"

namespace pgkeep::store {
namespace {

constexpr std::size_t kSealingAtOnce = 2;

/// The highest pack that the backup in this folder names: a pack that was lost keeps its number.
std::uint32_t highest_named_pack(const std::filesystem::path& backup) {
  try {
    const auto packs = FileTable(backup / "files.db").packs();
    return packs.empty() ? 0 : packs.rbegin()->first;
  } catch (const Error& error) {
    if (is_denied(error)) throw;  // it may name one that is not there
    return 0;                     // a damaged table names nothing any more
  }
}

/// The last number stays free, so that there always is a next one. `named_by` has `number`.
std::uint32_t number_after(std::uint32_t number, const std::filesystem::path& named_by) {
  if (number < std::numeric_limits<std::uint32_t>::max() - 1) return number + 1;
  throw Refused(fmt::format(
      "{}: names pack {}, and there are no numbers after that, "
      "so that nothing more can be stored for this server. No repository comes so far by itself: "
      "remove what names that pack (a backup by `pgkeep delete`), or begin with another repository",
      named_by.native(), number));
}

}  // namespace

PackSeries::PackSeries(const Repository& repository, const ServerLayout& layout, const BackupId& made_by)
    : repository_(&repository), layout_(&layout), made_by_(made_by), next_number_(next_pack_number(layout)) {}

PackSeries::~PackSeries() = default;  // futures of std::async wait

ObjectRef PackSeries::add(const ObjectEntry& entry, io::ByteView frame,
                          std::span<const std::uint64_t> digests) {
  const auto kind = entry.kind == ObjectKind::delta ? PackKind::delta : PackKind::full;
  auto& pack = kind == PackKind::delta ? delta_ : full_;
  if (!pack) {
    const auto number = next_number_;
    next_number_ = number_after(number, layout_->packs());
    paths_.push_back(layout_->pack(number, kind));
    pack = std::make_unique<PackWriter>(*repository_, *layout_, number, kind, made_by_);
  }
  const ObjectRef ref{pack->number(), pack->add(entry, frame, digests)};
  if (pack->full()) seal(pack);
  return ref;
}

void PackSeries::seal(std::unique_ptr<PackWriter>& pack) {
  wait_for(kSealingAtOnce - 1);
  sealing_.push_back(std::async(std::launch::async, [sealed = std::move(pack)] {
    sealed->finish();
    return sealed->bytes();
  }));
}

void PackSeries::wait_for(std::size_t at_most_running) {
  while (sealing_.size() > at_most_running) {
    auto oldest = std::move(sealing_.front());
    sealing_.pop_front();
    sealed_bytes_ += oldest.get();
  }
}

void PackSeries::finish() {
  if (full_) seal(full_);
  if (delta_) seal(delta_);
  wait_for(0);
}

std::uint64_t PackSeries::bytes() const noexcept {
  return sealed_bytes_ + (full_ ? full_->bytes() : 0) + (delta_ ? delta_->bytes() : 0);
}

void PackSeries::remove_all() noexcept {
  full_.reset();
  delta_.reset();
  for (auto& running : sealing_) running.wait();
  sealing_.clear();
  for (const auto& path : paths_) {
    std::error_code left_to_the_sweep;
    std::filesystem::remove(path, left_to_the_sweep);
  }
}

void ObjectUse::mark(ObjectRef ref) {
  if (ref.is_zero()) return;
  auto& used = packs_[ref.pack];
  const auto byte = ref.object / 8;
  if (used.size() <= byte) used.resize(byte + 1);
  used[byte] |= std::byte{1} << (ref.object % 8);
}

std::optional<PackName> parse_pack_name(std::string_view name) {
  PackName pack;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pack.number);
  if (error != std::errc() || end - name.data() < 8 || pack.number == 0) return std::nullopt;
  const auto extension = name.substr(static_cast<std::size_t>(end - name.data()));
  if (extension != ".full" && extension != ".delta") return std::nullopt;
  pack.kind = extension == ".full" ? PackKind::full : PackKind::delta;
  return pack;
}

std::uint32_t next_pack_number(const ServerLayout& layout) {
  std::uint32_t highest = 0;
  std::filesystem::path named_by = layout.packs();
  const auto consider = [&](std::uint32_t number, const std::filesystem::path& path) {
    if (number <= highest) return;
    highest = number;
    named_by = path;
  };
  for (const auto& entry : io::entries(layout.packs())) {
    if (const auto pack = parse_pack_name(entry.path().filename().native()))
      consider(pack->number, entry.path());
  }
  for (const auto& entry : io::entries(layout.backups()))
    consider(highest_named_pack(entry.path()), entry.path());
  const auto suspects = read_suspects(layout);
  if (!suspects.empty()) consider(suspects.rbegin()->pack, layout.suspects());
  return number_after(highest, named_by);
}

}  // namespace pgkeep::store
