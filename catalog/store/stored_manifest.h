#pragma once

#include <string>

#include "catalog/store/sections.h"

namespace pgkeep::store {

/// Stores PostgreSQL's manifest as it is, cut at ends of lines.
struct StoredManifest {
  SectionList sections;
  std::string sha256;  // of the manifest, in hexadecimal
};
StoredManifest store_manifest(io::ByteSource& manifest, SectionWriter& sections, const SectionList& before);

/// The manifest as it was sent, from its beginning. One thread; borrows packs and list. Throws Corruption.
class ManifestSource final : public io::ByteSource {
 public:
  ManifestSource(PackSet& packs, const SectionList& list) : reader_(packs, 0), list_(&list) {}
  std::size_t read(io::ByteSpan into) override;

 private:
  SectionReader reader_;
  const SectionList* list_;
  std::size_t next_ = 0;
  std::shared_ptr<const io::ByteVector> section_;
  io::ByteView left_;
};

}  // namespace pgkeep::store
