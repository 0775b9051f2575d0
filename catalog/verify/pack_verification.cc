#include "catalog/verify/pack_verification.h"

#include <algorithm>
#include <memory>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/store/pack_use.h"

namespace pgkeep::catalog {
namespace {

using store::ObjectKind;
using store::ObjectRef;
using store::PackReader;

class PackVerification {
 public:
  PackVerification(store::PackSet& packs, std::uint32_t number)
      : packs_(&packs), number_(number), reader_(packs) {}

  PackReport run(const std::optional<io::ByteVector>& used, const std::function<void(std::uint64_t)>& tick) {
    try {
      pack_ = packs_->open(number_);
    } catch (const Error& error) {
      if (!is_damage(error)) throw;
      return {.damage = error.what(), .objects = {}, .opens = false};
    }
    const auto objects = used ? static_cast<std::uint32_t>(used->size() * 8) : pack_->objects();
    for (std::uint32_t object = 0; object < objects; ++object) {
      const bool is_needed = used ? store::is_used(*used, object) : !pack_->is_dropped(object);
      if (!is_needed) continue;
      check(object);
      tick(bytes_);
      bytes_ = 0;
    }
    if (report_.objects.size() > 1)
      report_.damage = fmt::format("{} objects cannot be read back, the first: {}", report_.objects.size(),
                                   report_.damage);
    return std::move(report_);
  }

 private:
  /// What fails once is read again: what was wrong may not lie on the disk.
  void check(std::uint32_t object) {
    try {
      try {
        read(object);
      } catch (const Error& error) {
        if (!is_damage(error)) throw;
        read(object);
      }
    } catch (const Error& error) {
      if (!is_damage(error)) throw;
      if (report_.objects.empty()) report_.damage = error.what();
      report_.objects.insert({number_, object});
    }
  }

  void read(std::uint32_t object) {
    const auto& entry = pack_->entry(object);  // it was dropped, or is not there at all
    bytes_ = entry.frame_bytes;
    if (entry.kind == ObjectKind::full) {
      buffer_.resize(entry.length);
      reader_.read(ObjectRef{number_, object}, buffer_);
      return;
    }
    buffer_.resize(entry.frame_bytes);
    pack_->read_frame(object, buffer_);
    require_base(object, entry.base);
  }

  /// Of a pack that does not open, its own verification tells.
  void require_base(std::uint32_t object, ObjectRef base) {
    std::shared_ptr<const PackReader> pack;
    try {
      pack = packs_->open(base.pack);
    } catch (const Error& error) {
      if (!is_damage(error)) throw;
      return;
    }
    if (pack->entry(base.object).kind == ObjectKind::full) return;
    throw Corruption(
        fmt::format("{}: the base of object {} is no full object", pack_->path().native(), object));
  }

  store::PackSet* packs_;
  std::uint32_t number_;
  store::ObjectReader reader_;
  std::shared_ptr<const PackReader> pack_;
  io::ByteVector buffer_;
  std::uint64_t bytes_ = 0;
  PackReport report_;
};

}  // namespace

PackReport verify_pack(store::PackSet& packs, std::uint32_t number, const std::optional<io::ByteVector>& used,
                       const std::function<void(std::uint64_t bytes)>& tick) {
  return PackVerification(packs, number).run(used, tick);
}

}  // namespace pgkeep::catalog
