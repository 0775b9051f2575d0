#include "catalog/store/pack_series.h"

#include "catalog/io/error.h"

namespace pgkeep::store {
namespace {

constexpr std::size_t kSealingAtOnce = 2;

}  // namespace

PackSeries::PackSeries(const Repository& repository, const ServerLayout& layout, const BackupId& made_by)
    : repository_(&repository), layout_(&layout), made_by_(made_by), numbers_(layout) {}

PackSeries::~PackSeries() = default;  // futures of std::async wait

ObjectRef PackSeries::add(PackKind kind, const ObjectEntry& entry, io::ByteView frame,
                          std::span<const std::uint64_t> digests) {
  auto& pack = open_[kind];
  if (!pack) {
    const PackName name{.number = numbers_.take(), .kind = kind};
    paths_.push_back(layout_->pack(name));
    pack = std::make_unique<PackWriter>(*repository_, *layout_, name, made_by_);
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
  for (auto& [kind, pack] : open_)
    if (pack) seal(pack);
  wait_for(0);
}

std::uint64_t PackSeries::bytes() const noexcept {
  auto bytes = sealed_bytes_;
  for (const auto& [kind, pack] : open_)
    if (pack) bytes += pack->bytes();
  return bytes;
}

void PackSeries::remove_all() noexcept {
  open_.clear();
  for (auto& running : sealing_) running.wait();
  sealing_.clear();
  for (const auto& path : paths_) {
    std::error_code left_to_the_sweep;
    std::filesystem::remove(path, left_to_the_sweep);
  }
}

}  // namespace pgkeep::store
