#include "catalog/store/pack_set.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/io/json.h"
#include "catalog/io/lock.h"
#include "catalog/io/sealed_json.h"

namespace pgkeep::store {
namespace {

/// Each open pack has a descriptor, of which a process may have 1024.
constexpr std::size_t kMaxOpenPacks = 256;
constexpr std::uint64_t kMaxSuspectsBytes = 256u << 20;

void xor_into(io::ByteSpan into, io::ByteView with) {
  std::size_t i = 0;
  for (; i + 8 <= with.size(); i += 8) {
    std::uint64_t a = 0;
    std::uint64_t b = 0;
    std::memcpy(&a, &into[i], 8);
    std::memcpy(&b, &with[i], 8);
    a ^= b;
    std::memcpy(&into[i], &a, 8);
  }
  for (; i < with.size(); ++i) into[i] ^= with[i];
}

std::uint32_t bytes_of_page(std::uint32_t page, std::uint64_t length) {
  return static_cast<std::uint32_t>(
      std::min<std::uint64_t>(kPageBytes, length - std::uint64_t{page} * kPageBytes));
}

/// Bytes in a delta's frame: the changed pages, the last one cut to the object's length.
std::uint32_t delta_bytes(const ObjectEntry& entry) {
  std::uint32_t bytes = 0;
  for (std::uint32_t page = 0; page < pages_in(entry.length); ++page) {
    if ((entry.changed >> page) & 1) bytes += bytes_of_page(page, entry.length);
  }
  return bytes;
}

}  // namespace

PackSet::PackSet(const Repository& repository, ServerLayout layout, std::size_t budget_bytes)
    : repository_(&repository), layout_(std::move(layout)), budget_bytes_(budget_bytes) {
}

std::shared_ptr<const PackReader> PackSet::open(std::uint32_t number) {
  const std::scoped_lock lock(mutex_);
  if (const auto found = open_.find(number); found != open_.end()) {
    recent_.splice(recent_.begin(), recent_, found->second.place);
    return found->second.pack;
  }
  auto pack = open_file(number);
  held_bytes_ += pack->memory_bytes();
  recent_.push_front(number);
  open_.emplace(number, Slot{pack, recent_.begin()});
  while ((held_bytes_ > budget_bytes_ && recent_.size() > 1) || recent_.size() > kMaxOpenPacks) {
    const auto oldest = open_.find(recent_.back());
    held_bytes_ -= oldest->second.pack->memory_bytes();
    open_.erase(oldest);
    recent_.pop_back();
  }
  return pack;
}

/// Or the one before, where the last cannot be read: a copy of the repository may have been cut in the
/// middle of it.
std::shared_ptr<const PackReader> PackSet::open_last_generation(const std::vector<PackName>& files) {
  for (auto name = files.rbegin(); name != files.rend(); ++name) {
    try {
      return std::make_shared<const PackReader>(*repository_, layout_, *name);
    } catch (const Corruption&) {
      if (std::next(name) == files.rend()) throw;
    }
  }
  return nullptr;
}

/// Twice, since a pack that was listed may have given way to its next generation.
std::shared_ptr<const PackReader> PackSet::open_file(std::uint32_t number) {
  if (const auto failed = failed_.find(number); failed != failed_.end()) throw Corruption(failed->second);
  try {
    for (const bool listed_again : {false, true}) {
      if (listed_again || files_.empty()) files_ = list_pack_files(layout_);
      const auto files = files_.find(number);
      if (files == files_.end()) continue;
      try {
        return open_last_generation(files->second);
      } catch (const StorageError& error) {
        if (error.cause() != ENOENT) throw;
      }
    }
    throw Corruption(fmt::format("{}: pack {:08} is missing", layout_.packs().native(), number));
  } catch (const Corruption& damage) {
    failed_.emplace(number, damage.what());  // it is asked for again for each of its objects
    throw;
  }
}

std::set<ObjectRef> read_suspects(const ServerLayout& layout) {
  const auto parse = [](const nlohmann::json& record) {
    std::set<ObjectRef> suspects;
    for (const auto& item : record.at("objects")) {
      suspects.insert(
          {io::whole_number<std::uint32_t>(item.at(0)), io::whole_number<std::uint32_t>(item.at(1))});
    }
    return suspects;
  };
  return io::read_sealed_json(layout.suspects(), kMaxSuspectsBytes,
                              "remove it and run verify-backup to find damaged objects again", parse)
      .value_or(std::set<ObjectRef>());
}

void mark_suspects(const ServerLayout& layout, const std::set<ObjectRef>& damaged) {
  // Two verifications at once must not forget each other's marks.
  const auto lock = io::File::open_or_create(layout.suspects_lock());
  io::lock_alone(lock);
  auto suspects = read_suspects(layout);
  suspects.insert(damaged.begin(), damaged.end());
  nlohmann::json objects = nlohmann::json::array();
  for (const auto& ref : suspects) objects.push_back({ref.pack, ref.object});
  const nlohmann::json record = {{"objects", std::move(objects)}};
  io::write_file_durably(layout.suspects(), io::as_bytes(io::seal_json(record.dump()) + "\n"));
}

ObjectReader::ObjectReader(PackSet& packs) : packs_(&packs) {}

std::uint32_t ObjectReader::length(ObjectRef ref) {
  return ref.is_zero() ? 0 : packs_->open(ref.pack)->entry(ref.object).length;
}

void ObjectReader::decode(const PackReader& pack, std::uint32_t object, io::ByteSpan into) {
  const auto& entry = pack.entry(object);
  if (entry.codec == Codec::raw) {
    if (entry.frame_bytes != into.size()) {
      throw Corruption(
          fmt::format("{}: object {} has a length that does not fit", pack.path().native(), object));
    }
    pack.read_frame(object, into);
    return;
  }
  frame_.resize(entry.frame_bytes);
  pack.read_frame(object, frame_);
  try {
    decompressor_.decompress(frame_, into);
  } catch (const Corruption& e) {
    throw Corruption(fmt::format("{}: object {}: {}", pack.path().native(), object, e.what()));
  }
}

void ObjectReader::read_full(const PackReader& pack, std::uint32_t object, io::ByteSpan into) {
  if (pack.entry(object).kind != ObjectKind::full) {
    throw Corruption(fmt::format("{}: object {} is no full object", pack.path().native(), object));
  }
  decode(pack, object, into);
}

void ObjectReader::read(ObjectRef ref, io::ByteSpan into) {
  if (ref.is_zero()) {
    std::memset(into.data(), 0, into.size());
    return;
  }
  const auto pack = packs_->open(ref.pack);
  const auto& entry = pack->entry(ref.object);
  if (entry.length != into.size()) {
    throw Corruption(fmt::format("{}: object {} holds {} bytes, not {}", pack->path().native(), ref.object,
                                 entry.length, into.size()));
  }
  if (entry.kind == ObjectKind::full) {
    decode(*pack, ref.object, into);
  } else {
    const auto base_pack = packs_->open(entry.base.pack);
    const auto base_length = base_pack->entry(entry.base.object).length;
    if (base_length <= into.size()) {
      read_full(*base_pack, entry.base.object, into.first(base_length));
      std::memset(into.data() + base_length, 0, into.size() - base_length);
    } else {
      io::ByteVector whole(base_length);
      read_full(*base_pack, entry.base.object, whole);
      std::memcpy(into.data(), whole.data(), into.size());
    }
    delta_.resize(delta_bytes(entry));
    decode(*pack, ref.object, delta_);
    std::size_t at = 0;
    for (std::uint32_t page = 0; page < pages_in(entry.length); ++page) {
      if (((entry.changed >> page) & 1) == 0) continue;
      const auto bytes = bytes_of_page(page, entry.length);
      xor_into(into.subspan(std::size_t{page} * kPageBytes, bytes), io::ByteView(delta_).subspan(at, bytes));
      at += bytes;
    }
  }
  const auto expected = digests(ref, entry.length);
  for (std::uint32_t page = 0; page < pages_in(entry.length); ++page) {
    const auto bytes = into.subspan(std::size_t{page} * kPageBytes, bytes_of_page(page, entry.length));
    if (io::page_digest(bytes, packs_->repository().digest_key()) != expected[page]) {
      throw Corruption(fmt::format("{}: object {}: page {} is not what was stored", pack->path().native(),
                                   ref.object, page));
    }
  }
}

PieceDigests ObjectReader::digests(ObjectRef ref, std::uint32_t length) {
  PieceDigests digests{};
  const auto pages = pages_in(length);
  if (ref.is_zero()) {
    static constexpr std::array<std::byte, kPageBytes> kZeroPage{};
    for (std::uint32_t page = 0; page < pages; ++page) {
      digests[page] = io::page_digest(io::ByteView(kZeroPage).first(bytes_of_page(page, length)),
                                      packs_->repository().digest_key());
    }
    return digests;
  }
  const auto pack = packs_->open(ref.pack);
  const auto& entry = pack->entry(ref.object);
  const auto stored = pack->digests(entry);
  if (entry.kind == ObjectKind::full) {
    std::copy_n(stored.begin(), std::min<std::size_t>(pages, stored.size()), digests.begin());
    return digests;
  }
  const auto base_pack = packs_->open(entry.base.pack);
  const auto& base = base_pack->entry(entry.base.object);
  if (base.kind != ObjectKind::full) {
    throw Corruption(
        fmt::format("{}: the base of object {} is no full object", pack->path().native(), ref.object));
  }
  const auto base_digests = base_pack->digests(base);
  std::size_t next = 0;
  for (std::uint32_t page = 0; page < pages; ++page) {
    if ((entry.changed >> page) & 1) {
      digests[page] = stored[next++];
    } else if (page < base_digests.size()) {
      digests[page] = base_digests[page];
    }
  }
  return digests;
}

}  // namespace pgkeep::store
