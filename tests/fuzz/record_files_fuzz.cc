#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/io/sealed_json.h"
#include "catalog/records/event_journal.h"
#include "catalog/records/identity.h"
#include "catalog/records/made_slots.h"
#include "catalog/records/run_journal.h"
#include "catalog/records/stream_state.h"
#include "catalog/store/backup_record.h"
#include "catalog/store/commit_chain.h"
#include "catalog/verify/verification_memory.h"
#include "catalog/wal/set_aside_line.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/memory_folder.h"

// The files of a repository that are JSON: backup.json, stream.json, identity.json, line.json, slot.json,
// chain.json, verified.json, and the journals events.jsonl, runs.jsonl and deletions.jsonl. Sound ones in
// which something was changed, by an accident or by somebody who computes the checksums again, and any text.
// Each is read or refused by Corruption, lines of a journal are passed over; and what is read is what comes
// back when it is written again.

namespace {

using namespace pgkeep;
using fuzz::require;

const store::ServerLayout& layout() {
  static const auto made = [] {
    store::ServerLayout main(fuzz::memory_folder() / "main");
    main.make();
    io::make_directories(main.of_line(1).wal());
    return main;
  }();
  return made;
}

const io::TimePoint kThen{std::chrono::seconds(1'795'000'000)};
const postgres::WalPosition kPlace{postgres::TimelineId(2), postgres::Lsn(0x3000028)};

void put(const std::filesystem::path& path, std::string_view text) {
  io::write_file_durably(path, io::as_bytes(text));
}

std::string content(const std::filesystem::path& path) {
  return std::string(io::as_text(io::read_whole_file(path, 1 << 20)));
}

/// One of our files.
class RecordFile {
 public:
  virtual ~RecordFile() = default;
  virtual std::string sound() const = 0;
  /// Throws Corruption; ends the run when what is read does not come back.
  virtual void read(const std::string& text) const = 0;
};

class BackupFile final : public RecordFile {
 public:
  std::string sound() const override {
    store::BackupRecord record{store::BackupId(kThen)};
    record.server = "main";
    record.label = "caf\xe9";  // Latin-1
    record.start = record.end = kPlace;
    record.wal_ranges = {{kPlace.timeline, kPlace.lsn, kPlace.lsn}};
    record.tablespaces = {{16400, "fast", "/srv/\xff"}};
    record.configuration.config_file = "/etc/postgresql.conf";
    record.compared_with = record.id;
    record.notices = {"WARNING:  a page"};
    return record.to_json();
  }
  void read(const std::string& text) const override {
    const auto json = store::BackupRecord::from_json(text).to_json();
    require(store::BackupRecord::from_json(json).to_json() == json, "a backup's record does not come back");
  }
};

class StreamFile final : public RecordFile {
 public:
  std::string sound() const override {
    catalog::StreamState state;
    state.since = state.started = state.written = kThen;
    state.next_try = state.last_message = kThen;
    state.received = state.flushed = kPlace;
    state.server_end = kPlace.lsn;
    return catalog::format_stream_state(state);
  }
  void read(const std::string& text) const override {
    const auto json = catalog::format_stream_state(catalog::parse_stream_state(text));
    catalog::parse_stream_state(json);  // its texts may have been cut
  }
};

class IdentityFile final : public RecordFile {
 public:
  std::string sound() const override {
    return io::seal_json(R"({"format": 1, "system_identifier": "7400000000000000001", "major_version": 18,
               "wal_segment_size": 16777216, "block_size": 8192})");
  }
  void read(const std::string& text) const override {
    put(layout().identity(), text);
    const auto known = catalog::read_identity(layout());
    require(known.has_value(), "a file is not seen");
    catalog::confirm_identity(layout(), *known);
    io::remove_file(layout().identity());
    catalog::confirm_identity(layout(), *known);
    require(catalog::read_identity(layout()) == known, "an identity does not come back");
  }
};

class LineFile final : public RecordFile {
 public:
  std::string sound() const override {
    return io::seal_json(
        R"({"format": 1, "set_aside": "2026-11-20T02:00:00Z", "why": "put back", "timeline": 2,
               "end": "0/3000028", "backups": ["20261118T020000Z", "20261119T020000Z"]})");
  }
  void read(const std::string& text) const override {
    put(layout().line_record(1), text);
    const auto lines = catalog::read_set_aside_lines(layout());
    require(lines.size() == 1 && lines[0].number == 1, "a line is not seen");
    for (const auto& id : lines[0].backups)
      require(catalog::line_of(lines, id) == 1u, "a backup of a line is not known as that");
  }
};

class SlotFile final : public RecordFile {
 public:
  std::string sound() const override {
    return io::seal_json(
        R"({"slots":[{"name":"pgkeep","system_identifier":"7400000000000000001","host":"pg1:5432",
               "state":"made","created":"2026-11-20T02:00:00Z"}]})");
  }
  void read(const std::string& text) const override {
    put(layout().made_slots(), text);
    catalog::MadeSlots slots(layout());
    const auto before = slots.read();
    slots.add("another", postgres::SystemIdentifier(1), postgres::Endpoint("pg2", "5432"));
    const auto after = slots.read();
    require(slots.has("another", postgres::SystemIdentifier(1), postgres::Endpoint("pg2", "5432")),
            "a slot is forgotten");
    for (const auto& slot : before) {
      require(std::ranges::any_of(after,
                                  [&](const auto& kept) {
                                    return kept.system == slot.system && kept.made == slot.made &&
                                           kept.name.size() >= slot.name.size() &&
                                           kept.created == slot.created;
                                  }) ||
                  slot.name == "another",
              "a slot does not come back");
    }
  }
};

class EventFile final : public RecordFile {
 public:
  std::string sound() const override {
    const catalog::EventJournal journal(layout());
    io::remove_file(layout().event_journal());
    for (const auto kind : {catalog::EventKind::gap, catalog::EventKind::adopted})
      catalog::EventJournal(layout()).append(
          {kThen, kind, "the server removed it", catalog::WalRange{kPlace.timeline, kPlace.lsn, kPlace.lsn}});
    return content(layout().event_journal());
  }
  void read(const std::string& text) const override {
    put(layout().event_journal(), text);
    for (const auto& event : catalog::EventJournal(layout()).read()) {
      io::remove_file(layout().event_journal());
      catalog::EventJournal(layout()).append(event);
      const auto back = catalog::EventJournal(layout()).read();
      require(back.size() == 1 && back[0].at == event.at && back[0].kind == event.kind &&
                  back[0].cause == event.cause && back[0].range == event.range,
              "an event does not come back");
    }
  }
};

class RunFile final : public RecordFile {
 public:
  std::string sound() const override {
    io::remove_file(layout().run_journal());
    catalog::RunJournal journal(layout());
    auto run = journal.begin("backup", "", kThen);
    journal.end(run, catalog::RunOutcome::failed, "no room", R"({"bytes": 1})");
    return content(layout().run_journal());
  }
  void read(const std::string& text) const override {
    put(layout().run_journal(), text);
    catalog::RunJournal journal(layout());
    const auto known = journal.read();
    auto run = journal.begin("verify-backup", "", kThen);
    for (const auto& before : known) {
      require(before.id != run.id, "two runs with one id");
      // What comes as the details of one can be written as those of another.
      journal.end(run, before.outcome, before.error,
                  before.details.starts_with('{') ? before.details : std::string());
      require(journal.read().size() == known.size() + 1, "a run is lost");
    }
  }
};

void change(std::string& text, fuzz::Input& input) {
  constexpr std::array<std::string_view, 14> kPieces{
      "null",    "\"\"", "-1",   "1e400", "18446744073709551616", "{}", "[]", "\n", "\\u0000",
      "\\ud800", "\xff", "[[[[", "true",  "\"_hex\":1,"};
  const auto at = text.empty() ? 0 : input.word() % text.size();
  switch (input.byte() % 6) {
    case 0:
      text.insert(at, kPieces[input.byte() % kPieces.size()]);
      break;
    case 1:
      text.erase(at, input.byte() % 64);
      break;
    case 2:
      text.insert(at, input.text(input.byte() % 8));
      break;
    case 3: {  // another value
      const auto colon = text.find(':', at);
      if (colon == text.npos) break;
      const auto end = std::min(text.find_first_of(",}\n", colon), text.size());
      text.replace(colon + 1, end - colon - 1, kPieces[input.byte() % kPieces.size()]);
      break;
    }
    case 4:
      text.insert(at, text.substr(input.word() % (text.size() + 1), input.byte()));
      break;
    default:
      if (!text.empty()) text[at] = static_cast<char>(input.byte());
  }
}

class DeletionFile final : public RecordFile {
 public:
  std::string sound() const override {
    io::remove_file(layout().deletions());
    for (const std::uint64_t sequence : {1, 2}) {
      store::note_deletion(layout(), {.id = store::BackupId(kThen),
                                      .sequence = sequence,
                                      .record_sha256 = std::string(64, 'a'),
                                      .at = kThen,
                                      .why = "expired: no rule keeps it"});
    }
    return content(layout().deletions());
  }
  void read(const std::string& text) const override {
    put(layout().deletions(), text);
    const auto known = store::read_deletions(layout());
    static_cast<void>(store::examine_chain({}, known, {}));
    io::remove_file(layout().deletions());
    for (const auto& deletion : known) store::note_deletion(layout(), deletion);
    require(store::read_deletions(layout()) == known, "a deletion does not come back");
  }
};

class ChainFile final : public RecordFile {
 public:
  std::string sound() const override {
    store::write_chain_head(layout(), {7, store::BackupId(kThen), std::string(64, 'a')});
    return content(layout().chain_head());
  }
  void read(const std::string& text) const override {
    put(layout().chain_head(), text);
    const auto head = store::read_chain_head(layout());
    static_cast<void>(store::examine_chain({}, {}, head));
    if (head) store::write_chain_head(layout(), *head);
    require(store::read_chain_head(layout()) == head, "the newest record does not come back");
  }
};

class VerifiedFile final : public RecordFile {
 public:
  std::string sound() const override {
    catalog::VerificationMemory memory;
    memory.note_sound(store::PackName{7, store::PackKind::full, 1}, kThen);
    memory.note_sound(store::BackupId(kThen), kThen);
    memory.note_damage({.kind = catalog::StoredKind::pack,
                        .name = "00000017",
                        .line = 1,
                        .what = "it is damaged",
                        .since = kThen,
                        .objects = {{17, 3}},
                        .backups = {store::BackupId(kThen)},
                        .files = {"base/5/1259"},
                        .file_count = 1});
    catalog::write_verification_memory(layout(), memory);
    return content(layout().verified());
  }
  void read(const std::string& text) const override {
    put(layout().verified(), text);
    const auto memory = catalog::read_verification_memory(layout());
    for (const auto& damage : memory.damage()) static_cast<void>(describe_files(damage));
    catalog::write_verification_memory(layout(), memory);
    require(catalog::read_verification_memory(layout()) == memory, "what was verified does not come back");
  }
};

/// Of every line, or of the whole when its checksum has a line of its own.
std::string seal_again(const std::string& text) {
  std::string sealed;
  const bool is_one = text.find("\n  \"crc32c\"") != text.npos;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = is_one ? text.size() : std::min(text.find('\n', at), text.size());
    const auto line = text.substr(at, end - at);
    const auto seal = line.rfind(',');
    sealed += seal == line.npos ? line : io::seal_json(line.substr(0, seal) + (is_one ? "\n}" : "}"));
    sealed += '\n';
    at = end + 1;
  }
  return sealed;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const BackupFile backup;
  static const StreamFile stream;
  static const IdentityFile identity;
  static const LineFile line;
  static const SlotFile slot;
  static const EventFile event;
  static const RunFile run;
  static const DeletionFile deletion;
  static const ChainFile chain;
  static const VerifiedFile verified;
  static const std::array<const RecordFile*, 10> files{&backup, &stream, &identity, &line,  &slot,
                                                       &event,  &run,    &deletion, &chain, &verified};
  static const auto sound = [] {
    std::vector<std::string> texts;
    for (const auto* file : files) texts.push_back(file->sound());
    return texts;
  }();
  fuzz::Input input(data, size);
  const auto kind = input.byte();
  const auto which = kind % files.size();
  std::string text;
  if (kind >= 0xF0) {
    text = input.text(size);
  } else {
    text = sound[which];
    files[which]->read(text);  // is read as it is
    for (int left = 8; left > 0 && !input.empty(); --left) change(text, input);
    if (input.byte() % 2 == 0) text = seal_again(text);
  }
  try {
    files[which]->read(text);
  } catch (const Corruption&) {
  }
  return 0;
}
