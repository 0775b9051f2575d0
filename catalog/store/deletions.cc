#include "catalog/store/deletions.h"

#include <tuple>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/io/hashing.h"
#include "catalog/io/journal.h"
#include "catalog/io/sealed_json.h"
#include "catalog/store/backup_record.h"
#include "catalog/store/commit_chain.h"
#include "catalog/store/json.h"

namespace pgkeep::store {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::tuple kItems{std::pair{"id", &Deletion::id}, std::pair{"sequence", &Deletion::sequence},
                            std::pair{"record_sha256", &Deletion::record_sha256},
                            std::pair{"at", &Deletion::at}, std::pair{"why", &Deletion::why}};

/// Nothing when it is no whole line.
std::optional<Deletion> parse_line(std::string_view text) {
  try {
    return io::from_sealed_json("a deletion", text, {}, [](const nlohmann::json& json) {
      Deletion deletion;
      io::read_items(json, deletion, kItems);
      if (deletion.sequence) require_possible(*deletion.sequence);
      return deletion;
    });
  } catch (const Corruption&) {
    return std::nullopt;
  }
}

}  // namespace

std::vector<Deletion> read_deletions(const ServerLayout& layout) {
  std::vector<Deletion> deletions;
  for (const auto& line : io::read_journal(layout.deletions()).lines)
    if (auto deletion = parse_line(line)) deletions.push_back(*std::move(deletion));
  return deletions;
}

Deletion deletion_of(const ServerLayout& layout, const BackupId& id, std::string why) {
  Deletion deletion;
  deletion.id = id;
  deletion.at = io::now();
  deletion.why = std::move(why);
  try {
    const auto file = io::File::open_to_read(layout.record(id));
    io::FileSource content(file);
    deletion.record_sha256 = io::sha256_hex(content);
    if (const auto record = read_backup_record(layout, id)) deletion.sequence = record->sequence;
  } catch (const Error&) {
    // It is damaged, or may not be read, and is deleted all the same.
  }
  return deletion;
}

void note_deletion(const ServerLayout& layout, const Deletion& deletion) {
  Json line;
  io::write_items(line, deletion, kItems);
  io::JournalAppender(layout.deletions())
      .append(io::seal_json(line.dump(-1, ' ', false, Json::error_handler_t::replace)));
}

}  // namespace pgkeep::store
