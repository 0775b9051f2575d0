#include "catalog/store/backup_writer.h"

#include <algorithm>
#include <thread>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/io/guarded.h"
#include "catalog/io/scratch_file.h"
#include "catalog/io/units.h"
#include "catalog/store/commit_chain.h"
#include "catalog/store/file_spool.h"
#include "catalog/store/piece_pipeline.h"

namespace pgkeep::store {
namespace {

constexpr std::size_t kProblemsKept = 5;

unsigned worker_count(unsigned wanted) {
  return wanted != 0 ? wanted : std::clamp(std::thread::hardware_concurrency(), 1u, 8u);
}

}  // namespace

/// The consumer's side: puts encoded pieces into packs and finished files into the spool, in order.
class PieceKeeper {
 public:
  PieceKeeper(const Repository& repository, const ServerLayout& layout, const BackupId& id)
      : packs_(repository, layout, id), files_(layout.backup(id) / "files.tmp") {}

  void keep(PieceSlot& slot) {
    if (slot.begins) entry_ = std::move(*slot.begins);
    if (slot.size != 0) keep_piece(slot);
    if (slot.ends) files_.add(entry_);
  }

  PackSeries& packs() { return packs_; }
  FileSpool& files() { return files_; }
  const PackUse& use() const { return use_; }
  BackupCost cost() const {
    return cost_.with([](const BackupCost& cost) { return cost; });
  }
  std::uint64_t healed() const { return healed_.load(); }
  void count_packs() {
    cost_.with([&](BackupCost& cost) { cost.pack_bytes = packs_.bytes(); });
  }

 private:
  void keep_piece(PieceSlot& slot) {
    const auto& encoded = slot.encoded;
    ObjectRef ref;
    if (encoded.outcome == PieceOutcome::reused) {
      ref = encoded.reused;
    } else if (encoded.outcome != PieceOutcome::zero) {
      const auto kind = encoded.outcome == PieceOutcome::full ? PackKind::full : PackKind::delta;
      ref = packs_.add(kind, encoded.entry, encoded.frame,
                       std::span(encoded.digests).first(encoded.digest_count));
    }
    use_.mark(ref);
    if (encoded.base) use_.mark(*encoded.base);
    entry_.pieces.push_back(ref);
    entry_.piece_crcs.push_back(encoded.crc32c);
    entry_.crc32c = io::crc32c_combine(entry_.crc32c, encoded.crc32c, slot.size);
    if (encoded.healed) ++healed_;
    cost_.with([&](BackupCost& cost) {
      switch (encoded.outcome) {
        case PieceOutcome::zero:
          ++cost.zero_pieces;
          break;
        case PieceOutcome::reused:
          ++cost.reused_pieces;
          break;
        case PieceOutcome::full:
          ++cost.full_objects;
          break;
        case PieceOutcome::delta:
          ++cost.delta_objects;
          break;
      }
      cost.pack_bytes = packs_.bytes();
    });
  }

  PackSeries packs_;
  FileSpool files_;
  PackUse use_;
  FileEntry entry_;
  io::Guarded<BackupCost> cost_;
  std::atomic<std::uint64_t> healed_{0};
};

namespace {

void require_storable(std::string_view path) {
  if (path.size() <= kMaxPathBytes) return;
  throw Error(fmt::format("{}…: a path of {} bytes; no more than {} can be stored", path.substr(0, 100),
                          path.size(), kMaxPathBytes));
}

PackSet* packs_of(BackupReader* backup) {
  return backup == nullptr ? nullptr : &backup->packs();
}

}  // namespace

class BackupWriter::Impl {
 public:
  Impl(const Repository& repository, const ServerLayout& layout, const BackupId& id, BackupReader* previous,
       const BackupWriterSettings& settings)
      : layout_(layout),
        id_(id),
        previous_(previous),
        key_(&repository.digest_key()),
        keeper_(repository, layout_, id),
        sections_(repository, keeper_.packs(), packs_of(previous), settings.compression_level),
        pipeline_(std::make_unique<PiecePipeline>(
            worker_count(settings.workers),
            [&] {
              return ObjectEncoder(repository.digest_key(), packs_of(previous), settings.compression_level);
            },
            [this](PieceSlot& slot) { keeper_.keep(slot); })) {}

  void directory(std::string_view path, std::uint32_t mode, std::int64_t modified) {
    require_storable(path);
    auto& slot = pipeline_->acquire();
    slot.begins = new_entry(EntryKind::directory, path, 0, mode, modified);
    slot.ends = true;
    pipeline_->submit();
  }

  void begin_file(std::string_view path, std::uint64_t size, std::uint32_t mode, std::int64_t modified) {
    path_ = path;
    left_ = size;
    piece_ = 0;
    before_.reset();
    if (size > kMaxFileBytes) {
      throw Error(fmt::format("{}: has {}, and no more than {} can be stored of a file", path,
                              io::format_bytes(size), io::format_bytes(kMaxFileBytes)));
    }
    require_storable(path);
    if (size != 0) before_ = file_before(path);
    slot_ = &pipeline_->acquire();
    slot_->begins = new_entry(EntryKind::file, path, size, mode, modified);
    prepare_slot();
    ++file_count_;
    data_bytes_ += size;
    sent_paths_ += path_digest(path);
  }

  void file_data(io::ByteView bytes) {
    if (bytes.size() > left_) throw Error(fmt::format("{}: more bytes came than were announced", path_));
    while (!bytes.empty()) {
      if (slot_ == nullptr) {
        slot_ = &pipeline_->acquire();
        prepare_slot();
      }
      const auto n = std::min<std::size_t>(bytes.size(), kPieceBytes - slot_->size);
      std::memcpy(slot_->bytes.data() + slot_->size, bytes.data(), n);
      slot_->size += static_cast<std::uint32_t>(n);
      left_ -= n;
      bytes = bytes.subspan(n);
      if (slot_->size == kPieceBytes || left_ == 0) {
        slot_->ends = left_ == 0;
        slot_ = nullptr;
        pipeline_->submit();
      }
    }
  }

  void end_file() {
    if (left_ != 0) throw Error(fmt::format("{}: {} bytes fewer came than were announced", path_, left_));
    if (slot_ == nullptr) return;
    slot_->ends = true;  // an empty file: nothing was submitted yet
    slot_ = nullptr;
    pipeline_->submit();
  }

  void finish_files() {
    pipeline_->drain();
    pipeline_.reset();  // its threads and buffers are needed no more
    keeper_.packs().finish();
    keeper_.count_packs();
  }

  void manifest_data(io::ByteView bytes) {
    if (!manifest_) manifest_.emplace(layout_.backup(id_) / "manifest.tmp");
    manifest_->write(bytes);
  }

  ManifestComparison finish_manifest();
  void prepare(BackupRecord& record);
  void commit(BackupRecord& record);
  void note_as_newest(const BackupRecord& record) noexcept;
  /// Removes everything again. Never throws.
  void abandon() noexcept;

  std::uint64_t file_count() const { return file_count_; }
  std::uint64_t data_bytes() const { return data_bytes_; }
  const PieceKeeper& keeper() const { return keeper_; }
  std::uint64_t healed() const { return keeper_.healed() + sections_.healed(); }
  bool committed() const { return committed_; }

 private:
  static FileEntry new_entry(EntryKind kind, std::string_view path, std::uint64_t size, std::uint32_t mode,
                             std::int64_t modified) {
    FileEntry entry;
    entry.kind = kind;
    entry.path = path;
    entry.size = size;
    entry.mode = mode;
    entry.modified = modified;
    return entry;
  }

  /// The lists of the backup that is compared with.
  const Contents& before() const {
    static const Contents kNone;
    return previous_ == nullptr ? kNone : previous_->contents();
  }
  /// Nothing as well where the backup compared with does not know any more: the file is stored whole then.
  std::optional<FileEntry> file_before(std::string_view path) {
    if (previous_ == nullptr) return std::nullopt;
    try {
      auto before = previous_->files().find(path);
      if (before && before->kind == EntryKind::file) return before;
    } catch (const Corruption&) {
    }
    return std::nullopt;
  }
  std::optional<std::string> problem_with(const postgres::ManifestFile& listed);
  std::uint64_t path_digest(std::string_view path) const {
    return io::page_digest(io::as_bytes(path), *key_);
  }

  void prepare_slot() {
    if (before_ && piece_ < before_->pieces.size()) {
      auto& previous = slot_->previous.emplace(PreviousPiece{.object = before_->pieces[piece_]});
      if (piece_ < before_->piece_crcs.size()) previous.crc32c = before_->piece_crcs[piece_];
    }
    ++piece_;
  }

  ServerLayout layout_;
  BackupId id_;
  BackupReader* previous_;
  const io::DigestKey* key_;
  PieceKeeper keeper_;
  SectionWriter sections_;
  Contents contents_;
  std::unique_ptr<PiecePipeline> pipeline_;  // its workers use the keeper

  std::string path_;  // the file being received
  std::uint64_t left_ = 0;
  std::size_t piece_ = 0;
  std::optional<FileEntry> before_;  // in the backup compared with
  PieceSlot* slot_ = nullptr;

  std::uint64_t file_count_ = 0;
  std::uint64_t data_bytes_ = 0;
  std::uint64_t sent_paths_ = 0;  // sum of the digests of their paths
  std::optional<io::ScratchFile> manifest_;
  std::string manifest_sha256_;
  bool prepared_ = false;
  bool committed_ = false;
};

ManifestComparison BackupWriter::Impl::finish_manifest() {
  if (!manifest_) throw Error("the server sent no backup manifest; nothing proves that the files are whole");
  io::FileSource to_store(manifest_->file());
  auto stored = store_manifest(to_store, sections_, before().manifest);
  contents_.manifest = std::move(stored.sections);
  manifest_sha256_ = std::move(stored.sha256);
  io::FileSource source(manifest_->file());
  ManifestComparison comparison;
  std::uint64_t matched = 0;
  std::uint64_t listed_paths = 0;
  comparison.summary = postgres::read_manifest(source, [&](postgres::ManifestFile&& listed) {
    const auto problem = problem_with(listed);
    if (problem && ++comparison.problem_count <= kProblemsKept) comparison.problems.push_back(*problem);
    ++matched;
    listed_paths += path_digest(listed.path);
  });
  // Sums of keyed digests stand for the two sets of paths: a file listed twice cannot hide one that is not
  // listed.
  if (comparison.problem_count == 0 && (matched != file_count_ || listed_paths != sent_paths_)) {
    comparison.problem_count = 1;
    comparison.problems.push_back(
        fmt::format("{} files came, PostgreSQL's manifest lists {}, and they are not the same ones",
                    file_count_, matched));
  }
  return comparison;
}

std::optional<std::string> BackupWriter::Impl::problem_with(const postgres::ManifestFile& listed) {
  const auto entry = keeper_.files().find(listed.path);
  if (!entry || entry->kind != EntryKind::file) {
    return fmt::format("{}: in PostgreSQL's manifest, but it was not sent", listed.path);
  }
  if (entry->size != listed.size) {
    return fmt::format("{}: {} bytes came, the manifest says {}", listed.path, entry->size, listed.size);
  }
  if (listed.checksum_algorithm != "CRC32C" ||
      listed.checksum != postgres::crc32c_checksum_text(entry->crc32c)) {
    return fmt::format("{}: its checksum is not the one in the manifest", listed.path);
  }
  return std::nullopt;
}

// Packs with pages are durable since finish_files(). Now those with the lists, then what names them, with the
// folder that it is in, and the record, which will make it a backup.
void BackupWriter::Impl::prepare(BackupRecord& record) {
  contents_.files = keeper_.files().store(sections_, before().files);
  contents_.packs = keeper_.use().store(sections_, before().packs);
  keeper_.packs().finish();
  record.contents_sha256 = write_contents(layout_, id_, contents_);
  record.manifest_sha256 = manifest_sha256_;
  record.file_count = file_count_;
  record.data_bytes = data_bytes_;
  record.cost = keeper_.cost();
  record.cost.metadata_bytes =
      keeper_.packs().bytes() - record.cost.pack_bytes + std::filesystem::file_size(layout_.contents(id_));
  if (previous_ != nullptr) record.compared_with = previous_->record().id;
  const auto head = sound_chain_head(layout_);
  const auto listing = list_backup_records(layout_);
  const auto last = std::ranges::max_element(listing.backups, {}, &BackupRecord::sequence);
  // It may be of a process that was killed before its name was durable: the one after it must not be so
  // alone.
  if (last != listing.backups.end()) io::sync_directory(layout_.backup(last->id));
  const auto link = next_link(listing, read_deletions(layout_), head);
  record.sequence = link.sequence;
  record.previous_record_sha256 = link.previous_record_sha256;
  io::write_file_durably(layout_.waiting_record(id_), io::as_bytes(record.to_json()));
  prepared_ = true;
}

void BackupWriter::Impl::commit(BackupRecord& record) {
  if (!prepared_) prepare(record);
  io::rename_durably(layout_.waiting_record(id_), layout_.record(id_));
  committed_ = true;
  note_as_newest(record);
}

/// There is a backup, whatever becomes of this: without room, say, the next one writes it.
void BackupWriter::Impl::note_as_newest(const BackupRecord& record) noexcept {
  try {
    const auto text = record.to_json();
    io::MemorySource source(io::as_bytes(text));
    write_chain_head(layout_, {record.sequence, record.id, io::sha256_hex(source)});
  } catch (const std::exception&) {
  }
}

void BackupWriter::Impl::abandon() noexcept {
  pipeline_.reset();
  try {
    // A record may stand already, if only its folder's sync failed: it must be gone for good before its packs
    // are.
    if (io::remove_file(layout_.record(id_))) io::sync_directory(layout_.backup(id_));
    keeper_.packs().remove_all();
    io::remove_tree(layout_.backup(id_));
  } catch (const std::exception&) {
    // Without a record it is no backup and the next sweep removes it; with one it is whole.
  }
}

namespace {

const ServerLayout& with_folder(const ServerLayout& layout, const BackupId& id) {
  io::make_directories(layout.backup(id));
  return layout;
}

}  // namespace

BackupWriter::BackupWriter(const Repository& repository, const ServerLayout& layout, const BackupId& id,
                           BackupReader* previous, const BackupWriterSettings& settings) {
  if (previous != nullptr) previous->packs().avoid_suspects();
  impl_ = std::make_unique<Impl>(repository, with_folder(layout, id), id, previous, settings);
}

BackupWriter::~BackupWriter() {
  if (!impl_->committed()) impl_->abandon();
}

void BackupWriter::directory(std::string_view path, std::uint32_t mode, std::int64_t modified) {
  impl_->directory(path, mode, modified);
}
void BackupWriter::begin_file(std::string_view path, std::uint64_t size, std::uint32_t mode,
                              std::int64_t modified) {
  impl_->begin_file(path, size, mode, modified);
}
void BackupWriter::file_data(io::ByteView bytes) {
  impl_->file_data(bytes);
}
void BackupWriter::end_file() {
  impl_->end_file();
}
void BackupWriter::finish_files() {
  impl_->finish_files();
}
void BackupWriter::manifest_data(io::ByteView bytes) {
  impl_->manifest_data(bytes);
}
ManifestComparison BackupWriter::finish_manifest() {
  return impl_->finish_manifest();
}
std::uint64_t BackupWriter::file_count() const noexcept {
  return impl_->file_count();
}
std::uint64_t BackupWriter::data_bytes() const noexcept {
  return impl_->data_bytes();
}
BackupCost BackupWriter::cost() const noexcept {
  return impl_->keeper().cost();
}
std::uint64_t BackupWriter::healed_pieces() const noexcept {
  return impl_->healed();
}
void BackupWriter::prepare(BackupRecord& record) {
  impl_->prepare(record);
}
void BackupWriter::commit(BackupRecord& record) {
  impl_->commit(record);
}

}  // namespace pgkeep::store
