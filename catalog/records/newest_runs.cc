#include "catalog/records/newest_runs.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "catalog/io/journal.h"
#include "catalog/records/run_line.h"

namespace pgkeep::catalog {
namespace {

/// Each run of a journal once, from its newest line: how it ended, or else that it began.
class RunsFromTheEnd {
 public:
  /// Of the lines that contain `needle`; others are not taken apart.
  RunsFromTheEnd(const std::filesystem::path& journal, std::string needle)
      : lines_(journal), needle_(std::move(needle)) {}

  std::optional<RunRecord> previous() {
    while (const auto line = lines_.previous()) {
      if (line->find(needle_) == line->npos) continue;
      auto run = parse_run_line(*line);
      if (!run) continue;
      if (run->outcome != RunOutcome::running) {
        if (!ended_.insert(run->id).second) continue;
        return run;
      }
      ++begun_;
      if (ended_.erase(run->id) == 0) return run;
    }
    return std::nullopt;
  }
  /// How many beginnings were met.
  std::size_t begun() const noexcept { return begun_; }

 private:
  io::JournalBackwards lines_;
  std::string needle_;
  std::set<std::string> ended_;  // whose beginning was not met yet
  std::size_t begun_ = 0;
};

/// An item of a line, or how it begins; JSON as compact as to_line() writes it.
std::string item(std::string_view key, std::string_view value) {
  return fmt::format("\"{}\":\"{}", key, value);
}

void sort_by_start(std::vector<RunRecord>& runs) {
  std::ranges::sort(runs, [](const RunRecord& a, const RunRecord& b) {
    return std::tie(a.started, a.id) < std::tie(b.started, b.id);
  });
}

}  // namespace

std::vector<RunRecord> newest_runs(const store::ServerLayout& layout, std::size_t count) {
  std::vector<RunRecord> found;
  RunsFromTheEnd runs(layout.run_journal(), "");
  while (runs.begun() < count) {
    auto run = runs.previous();
    if (!run) break;
    run->outcome = current_outcome(*run);
    found.push_back(*std::move(run));
  }
  sort_by_start(found);
  if (found.size() > count) found.erase(found.begin(), found.end() - static_cast<std::ptrdiff_t>(count));
  return found;
}

std::vector<RunRecord> runs_with_id(const store::ServerLayout& layout, std::string_view begin) {
  std::vector<RunRecord> found;
  RunsFromTheEnd runs(layout.run_journal(), item("id", begin));
  while (auto run = runs.previous()) {
    if (!run->id.starts_with(begin)) continue;
    run->outcome = current_outcome(*run);
    found.push_back(*std::move(run));
  }
  sort_by_start(found);
  return found;
}

void for_newest_runs(const store::ServerLayout& layout, std::string_view kind,
                     const std::function<bool(RunRecord&&)>& visit) {
  RunsFromTheEnd runs(layout.run_journal(), item("kind", kind));
  while (auto run = runs.previous()) {
    if (run->kind != kind) continue;
    run->outcome = current_outcome(*run);
    if (!visit(*std::move(run))) return;
  }
}

std::set<std::string> run_ids_since(const store::ServerLayout& layout, io::TimePoint time) {
  std::set<std::string> ids;
  RunsFromTheEnd runs(layout.run_journal(), "");
  while (auto run = runs.previous()) {
    if (run->ended.value_or(run->started) < time) break;
    ids.insert(std::move(run->id));
  }
  return ids;
}

}  // namespace pgkeep::catalog
