#include "catalog/records/run_journal.h"

#include <algorithm>
#include <array>
#include <set>
#include <stdexcept>
#include <unistd.h>
#include <unordered_map>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/io/journal.h"
#include "catalog/io/sealed_json.h"
#include "catalog/records/json.h"
#include "catalog/records/newest_runs.h"
#include "catalog/records/process_identity.h"
#include "catalog/records/run_line.h"
#include "catalog/store/backup_id.h"

namespace pgkeep::catalog {

namespace {

using Json = nlohmann::ordered_json;

/// What a run does is worth more than that it is noted.
constexpr std::chrono::seconds kPatience{2};

constexpr std::array<std::string_view, 4> kOutcomes{"running", "succeeded", "failed", "interrupted"};

/// The line that is written, and the record that it is read as: what the caller continues with is what the
/// journal has, whatever had to be replaced in the text.
void append_record(io::JournalAppender& appender, RunRecord& run) {
  auto line = to_line(run);
  run = parse_run_line(line).value();
  appender.append(std::move(line));
}

}  // namespace

std::string_view to_string(RunOutcome outcome) {
  return kOutcomes.at(static_cast<std::size_t>(outcome));
}

std::optional<RunOutcome> parse_run_outcome(std::string_view text) {
  const auto found = std::ranges::find(kOutcomes, text);
  if (found == kOutcomes.end()) return std::nullopt;
  return static_cast<RunOutcome>(found - kOutcomes.begin());
}

RunOutcome current_outcome(const RunRecord& run) {
  if (run.outcome != RunOutcome::running) return run.outcome;
  return is_running(run.process) ? RunOutcome::running : RunOutcome::interrupted;
}

RunRecord RunJournal::begin(std::string kind, std::string subject, io::TimePoint started) {
  RunRecord run;
  run.kind = std::move(kind);
  run.subject = std::move(subject);
  run.started = started;
  const auto pid = fmt::to_string(::getpid());
  run.process = this_process();  // without /proc it counts as interrupted until it ends
  io::JournalAppender appender(layout_.run_journal(), kPatience);
  const auto taken = run_ids_since(layout_, started - kClocksAreSetBack);
  const auto id = fmt::format("{}-{}-{}", run.kind, store::BackupId(run.started).to_string(), pid);
  run.id = id;
  for (int i = 2; taken.contains(run.id); ++i) run.id = fmt::format("{}-{}", id, i);  // within one second
  append_record(appender, run);
  return run;
}

void RunJournal::end(RunRecord& run, RunOutcome outcome, std::string error, std::string details) {
  auto ended = run;
  ended.ended = io::now();
  ended.outcome = outcome;
  ended.error = std::move(error);
  ended.details = std::move(details);
  if (!ended.details.empty()) {
    const auto parsed = Json::parse(ended.details, nullptr, false);
    if (!parsed.is_object()) throw std::invalid_argument("the details of a run are not a JSON object");
  }
  io::JournalAppender appender(layout_.run_journal(), kPatience);
  append_record(appender, ended);
  run = std::move(ended);
}

RunJournal::Lines RunJournal::read_lines(std::uint64_t from) const {
  const auto found = io::read_journal(layout_.run_journal(), from);
  Lines lines{{}, found.end};
  for (const auto& line : found.lines) {
    if (auto run = parse_run_line(line)) lines.records.push_back(std::move(*run));
  }
  return lines;
}

std::vector<RunRecord> RunJournal::read() const {
  std::vector<RunRecord> runs;
  std::unordered_map<std::string, std::size_t> places;
  for (auto& line : read_lines(0).records) {
    const auto [place, added] = places.try_emplace(line.id, runs.size());
    if (added) {
      runs.push_back(std::move(line));
    } else {
      runs[place->second] = std::move(line);
    }
  }
  for (auto& run : runs) run.outcome = current_outcome(run);
  std::ranges::stable_sort(runs, {}, &RunRecord::started);
  return runs;
}

}  // namespace pgkeep::catalog
