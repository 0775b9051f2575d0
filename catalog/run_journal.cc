#include "catalog/run_journal.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <set>
#include <stdexcept>
#include <unistd.h>
#include <unordered_map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/io/journal.h"
#include "catalog/store/backup_id.h"

namespace pgkeep::catalog {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<std::string_view, 4> kOutcomes{"running", "succeeded", "failed", "interrupted"};

std::string read_proc_file(const std::string& path) {
  std::array<std::byte, 4096> buffer{};
  const auto size = io::File::open_to_read(path).read_at(buffer, 0);
  return std::string(io::as_text(io::ByteView(buffer).first(size)));
}

/// The start of a process in clock ticks since boot, from its /proc/PID/stat; nothing for a zombie, which
/// runs nothing.
std::optional<std::string> process_start(std::string_view stat) {
  // "4711 (name) S …": the name may hold anything, parentheses included; state is field 3, the start
  // field 22.
  const auto name_end = stat.rfind(") ");
  if (name_end == stat.npos) return std::nullopt;
  stat.remove_prefix(name_end + 2);
  if (stat.starts_with('Z') || stat.starts_with('X')) return std::nullopt;
  for (int field = 3; field < 22; ++field) {
    const auto space = stat.find(' ');
    if (space == stat.npos) return std::nullopt;
    stat.remove_prefix(space + 1);
  }
  return std::string(stat.substr(0, stat.find(' ')));
}

/// "PID START BOOT"; nothing when there is no such process.
std::optional<std::string> describe_process(std::string_view pid) {
  try {
    const auto start = process_start(read_proc_file(fmt::format("/proc/{}/stat", pid)));
    const auto boot = read_proc_file("/proc/sys/kernel/random/boot_id");
    if (!start) return std::nullopt;
    return fmt::format("{} {} {}", pid, *start, std::string_view(boot).substr(0, boot.find('\n')));
  } catch (const StorageError&) {
    return std::nullopt;  // it ended before its file was opened, or while it was read
  }
}

std::string format_line(const RunRecord& run) {
  Json line;
  line["id"] = run.id;
  line["kind"] = run.kind;
  line["subject"] = run.subject;
  line["started"] = io::format_rfc3339(run.started);
  line["ended"] = run.ended ? Json(io::format_rfc3339(*run.ended)) : Json();
  line["outcome"] = to_string(run.outcome);
  line["error"] = run.error;
  line["details"] = run.details.empty() ? Json() : Json::parse(run.details);
  line["process"] = run.process;
  // Messages may carry file names, and those may be any bytes.
  return line.dump(-1, ' ', false, Json::error_handler_t::replace);
}

io::TimePoint parse_time(const Json& item) {
  const auto time = io::parse_rfc3339(item.get_ref<const std::string&>());
  if (!time) throw std::invalid_argument("not a time");
  return *time;
}

/// Nothing when it is no whole record.
std::optional<RunRecord> parse_line(std::string_view text) {
  try {
    const auto line = Json::parse(text);
    RunRecord run;
    run.id = line.at("id").get<std::string>();
    run.kind = line.at("kind").get<std::string>();
    run.subject = line.at("subject").get<std::string>();
    run.started = parse_time(line.at("started"));
    if (!line.at("ended").is_null()) run.ended = parse_time(line.at("ended"));
    const auto outcome = parse_run_outcome(line.at("outcome").get_ref<const std::string&>());
    if (!outcome) return std::nullopt;
    run.outcome = *outcome;
    run.error = line.at("error").get<std::string>();
    if (!line.at("details").is_null()) run.details = line.at("details").dump();
    run.process = line.at("process").get<std::string>();
    return run;
  } catch (const Json::exception&) {
    return std::nullopt;
  } catch (const std::invalid_argument&) {
    return std::nullopt;
  }
}

/// The line that is written, and the record that it is read as: what the caller goes on with is what the
/// journal has, whatever had to be replaced in the text.
void append_record(io::JournalAppender& appender, RunRecord& run) {
  auto line = format_line(run);
  run = parse_line(line).value();
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
  const auto pid = std::string_view(run.process).substr(0, run.process.find(' '));
  int number = 0;
  const auto [end, error] = std::from_chars(pid.data(), pid.data() + pid.size(), number);
  const bool is_pid = error == std::errc{} && end == pid.data() + pid.size() && number > 0;
  return is_pid && describe_process(pid) == run.process ? RunOutcome::running : RunOutcome::interrupted;
}

RunRecord RunJournal::begin(std::string kind, std::string subject, io::TimePoint started) {
  RunRecord run;
  run.kind = std::move(kind);
  run.subject = std::move(subject);
  run.started = started;
  const auto pid = fmt::to_string(::getpid());
  run.process = describe_process(pid).value_or(pid);  // without /proc it counts as interrupted until it ends
  io::JournalAppender appender(layout_.run_journal());
  std::set<std::string> taken;
  for (const auto& known : read_lines(0).records) taken.insert(known.id);
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
  io::JournalAppender appender(layout_.run_journal());
  append_record(appender, ended);
  run = std::move(ended);
}

RunJournal::Lines RunJournal::read_lines(std::uint64_t from) const {
  const auto found = io::read_journal(layout_.run_journal(), from);
  Lines lines{{}, found.end};
  for (const auto& line : found.lines) {
    if (auto run = parse_line(line)) lines.records.push_back(std::move(*run));
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
