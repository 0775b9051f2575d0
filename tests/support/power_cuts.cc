#include "tests/support/power_cuts.h"

#include <algorithm>
#include <exception>
#include <functional>
#include <iterator>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/support/chance.h"

namespace pgkeep::test {
namespace {

namespace fs = std::filesystem;

constexpr unsigned kSeeds = 2;             // for each of the fates by chance
constexpr std::size_t kWritesPassed = 16;  // of writes in a row, one of so many is looked after
constexpr std::size_t kStepsTold = 25;

/// The memory of SQLite's processes, which they map: nothing of it matters after a crash.
bool is_shared_memory(std::string_view path) {
  return path.ends_with("-shm");
}

DiskTree without_shared_memory(DiskTree tree) {
  std::erase_if(tree.entries, [](const auto& entry) { return is_shared_memory(entry.first); });
  return tree;
}

bool is_write(const DiskStep& step) {
  return step.kind == DiskStep::Kind::write || step.kind == DiskStep::Kind::set_length;
}

std::string describe(const DiskStep& step, const DiskImage& image) {
  const auto entry = [&](ino_t folder, const std::string& name) {
    return (fs::path(image.name_of(folder)) / name).native();
  };
  const auto file = image.name_of(step.file);
  switch (step.kind) {
    case DiskStep::Kind::make_file:
      return fmt::format("make {}", entry(step.folder, step.name));
    case DiskStep::Kind::make_folder:
      return fmt::format("make the folder {}", entry(step.folder, step.name));
    case DiskStep::Kind::make_link:
      return fmt::format("make the link {} to {}", entry(step.folder, step.name), step.bytes);
    case DiskStep::Kind::add_name:
      return fmt::format("link {} as {}", file, entry(step.folder, step.name));
    case DiskStep::Kind::remove:
      return fmt::format("remove {}", entry(step.folder, step.name));
    case DiskStep::Kind::rename:
      return fmt::format("rename {} to {}", entry(step.folder, step.name),
                         entry(step.to_folder, step.to_name));
    case DiskStep::Kind::write:
      return fmt::format("write {} bytes at {} of {}", step.bytes.size(), step.number, file);
    case DiskStep::Kind::set_length:
      return fmt::format("set the length of {} to {}", file, step.number);
    case DiskStep::Kind::sync:
      return fmt::format("sync {}", file.empty() ? "the directory itself" : file);
    case DiskStep::Kind::sync_all:
      return "sync all";
    case DiskStep::Kind::note:
      return fmt::format("PROMISED: {} {}", step.bytes, step.number);
  }
  return {};
}

std::vector<Fate> all_fates(unsigned seed) {
  using enum Fate::Kind;
  std::vector<Fate> fates{{everything_is_kept}, {nothing_is_kept}, {names_are_kept}, {contents_are_kept}};
  for (unsigned i = 0; i < kSeeds; ++i) {
    fates.push_back({each_by_chance, seed + i});
    fates.push_back({the_first_names, seed + i});
  }
  return fates;
}

}  // namespace

bool Aftermath::promised(std::string_view what) const {
  return std::ranges::any_of(
      before_, [&](const DiskStep& step) { return step.kind == DiskStep::Kind::note && step.bytes == what; });
}

std::vector<std::uint64_t> Aftermath::all(std::string_view what) const {
  std::vector<std::uint64_t> numbers;
  for (const auto& step : before_)
    if (step.kind == DiskStep::Kind::note && step.bytes == what) numbers.push_back(step.number);
  return numbers;
}

std::uint64_t Aftermath::most(std::string_view what) const {
  const auto numbers = all(what);
  return numbers.empty() ? 0 : std::ranges::max(numbers);
}

PowerCuts::PowerCuts(const fs::path& root)
    : root_(root), begin_(root), seed_(seed_of_environment().value_or(1)) {}

std::vector<DiskStep> PowerCuts::record_in(const fs::path& root, const std::function<void()>& run) {
  DiskRecorder recorder(root);
  recorder.listen(listener_);
  run();
  return recorder.stop();
}

void PowerCuts::record(const std::function<void()>& run) {
  auto steps = record_in(root_, run);
  std::ranges::move(steps, std::back_inserter(steps_));
  // The proof that nothing went round the recorder.
  auto image = begin_;
  for (const auto& step : steps_) image.apply(step);
  const auto difference =
      without_shared_memory(DiskTree::read(root_)).difference(without_shared_memory(image.as_it_is_seen()));
  if (difference) ADD_FAILURE() << "what was recorded is not what was done: " << *difference;
}

void PowerCuts::check(const Check& check) {
  if (::testing::Test::HasFailure()) return;
  auto image = begin_;
  const auto fates = all_fates(seed_);
  std::size_t writes = 0;
  for (std::size_t n = 0; n <= steps_.size(); ++n) {
    if (n > 0) image.apply(steps_[n - 1]);
    const bool amid_writes = n > 0 && n < steps_.size() && is_write(steps_[n - 1]) && is_write(steps_[n]);
    if (amid_writes && ++writes % kWritesPassed != 0) continue;
    if (!check_moment({image, std::span(steps_).first(n)}, fates, check)) return;
  }
  ::testing::Test::RecordProperty("steps", static_cast<int>(steps_.size()));
  ::testing::Test::RecordProperty("states", static_cast<int>(checked_.size()));
}

void PowerCuts::check_after_kills(const Next& next, const Check& check, unsigned kills) {
  if (::testing::Test::HasFailure()) return;
  go_on_after_kills({begin_, {}, steps_, ""}, next, check, kills);
  ::testing::Test::RecordProperty("states_after_kills", static_cast<int>(checked_.size()));
}

/// False when a promise was broken.
bool PowerCuts::go_on_after_kills(const Run& run, const Next& next, const Check& check, unsigned kills) {
  auto seen = run.begin;
  for (std::size_t n = 0; n <= run.steps.size(); ++n) {
    if (n > 0) seen.apply(run.steps[n - 1]);
    if (n > 0 && n < run.steps.size() && is_write(run.steps[n - 1]) && is_write(run.steps[n])) continue;
    auto before = run.before;
    before.insert(before.end(), run.steps.begin(), run.steps.begin() + static_cast<std::ptrdiff_t>(n));
    const auto story = fmt::format("{}\n  KILLED, and then another process:",
                                   tell({seen, before, run.before.size(), run.story}));
    auto image = seen;
    std::vector<DiskStep> steps;
    try {
      steps = go_on_once(image, before, next);
    } catch (const std::exception& failure) {
      ADD_FAILURE() << failure.what() << story;
      return false;
    }
    if (!check_promises({image, before, steps, story}, check)) return false;
    if (kills > 1 && !go_on_after_kills({image, before, steps, story}, next, check, kills - 1)) return false;
  }
  return true;
}

/// What `next` does in a copy of what is seen.
std::vector<DiskStep> PowerCuts::go_on_once(DiskImage& image, std::span<const DiskStep> before,
                                            const Next& next) {
  const auto copy = scratch_ / "killed";
  fs::create_directory(copy);
  image.as_it_is_seen().write(copy);
  image.go_on_in(copy);
  auto steps = record_in(copy, [&] { next(Aftermath(copy, before)); });
  fs::remove_all(copy);
  return steps;
}

/// After each promise of the run, and in its end.
bool PowerCuts::check_promises(const Run& run, const Check& check) {
  auto image = run.begin;
  auto before = run.before;
  for (const auto& step : run.steps) {
    image.apply(step);
    before.push_back(step);
    const bool last = before.size() == run.before.size() + run.steps.size();
    if (step.kind != DiskStep::Kind::note && !last) continue;
    if (!check_moment({image, before, run.before.size(), run.story},
                      {{Fate::Kind::nothing_is_kept}, {Fate::Kind::names_are_kept}}, check))
      return false;
  }
  return true;
}

bool PowerCuts::check_moment(const Moment& moment, const std::vector<Fate>& fates, const Check& check) {
  std::string promises;
  for (const auto& step : moment.before)
    if (step.kind == DiskStep::Kind::note) promises += fmt::format("{} {}\n", step.bytes, step.number);
  for (const auto& fate : fates) {
    const auto tree = moment.image.after_power_cut(fate);
    if (!checked_.insert(tree.fingerprint() ^ std::hash<std::string>()(promises)).second) continue;
    if (!check_tree(moment, tree, fate, check)) return false;
  }
  return true;
}

/// False when a promise was broken.
bool PowerCuts::check_tree(const Moment& moment, const DiskTree& tree, const Fate& fate, const Check& check) {
  const auto root = scratch_ / "cut";
  fs::create_directory(root);
  tree.write(root);
  std::string fault;
  try {
    check(Aftermath(root, moment.before));
  } catch (const std::exception& failure) {
    fault = failure.what();
  }
  fs::remove_all(root);
  if (fault.empty() && !::testing::Test::HasFailure()) return true;
  ADD_FAILURE() << fault << "\n  after a power cut (" << fate.describe()
                << ") just after the last of these:\n"
                << tell(moment);
  return false;
}

std::string PowerCuts::tell(const Moment& moment) {
  const auto& [image, before, first_told, story] = moment;
  std::string text(story);
  for (auto i = std::max(first_told, before.size() - std::min(kStepsTold, before.size())); i < before.size();
       ++i)
    text += fmt::format("\n  {:5} {}", i + 1, describe(before[i], image));
  return text;
}

}  // namespace pgkeep::test
