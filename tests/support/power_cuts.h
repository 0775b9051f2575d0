#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/disk_image.h"
#include "tests/support/disk_recorder.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::test {

/// What a power cut or a kill has left.
class Aftermath {
 public:
  Aftermath(std::filesystem::path root, std::span<const DiskStep> before)
      : root_(std::move(root)), before_(before) {}

  /// The directory as it is then; it may be changed.
  const std::filesystem::path& root() const noexcept { return root_; }
  /// Whether that was promised before (DiskRecorder::note()).
  bool promised(std::string_view what) const;
  /// The largest number that was promised so; 0 when none was.
  std::uint64_t most(std::string_view what) const;
  /// All that were, in order.
  std::vector<std::uint64_t> all(std::string_view what) const;

 private:
  std::filesystem::path root_;
  std::span<const DiskStep> before_;
};

/// Runs something that changes a directory, and asks of every moment of it: if the power fails just now, is
/// what was promised by then still there?
///
/// The first run is recorded on the directory itself. Each check is of one step after which the power fails,
/// and of one fate of what was not synced (DiskImage); what looks the same and has the same promises is
/// checked once. Where many bytes are written between two syncs, not every write is looked at. The first
/// promise that is broken is a failure of the test, which tells what led to it, and ends the check.
class PowerCuts {
 public:
  explicit PowerCuts(const std::filesystem::path& root);

  void listen(DiskRecorder::Listener listener) { listener_ = std::move(listener); }
  /// Records one more run.
  void record(const std::function<void()>& run);
  const std::vector<DiskStep>& steps() const noexcept { return steps_; }

  /// Throws, or has EXPECT fail, when a promise is broken.
  using Check = std::function<void(const Aftermath&)>;
  void check(const Check& check);
  /// A process is killed after each step of what was recorded, and `next` does its work again, or goes on
  /// with it, in the directory as it was left: all that was done is seen there, and is not durable for that.
  /// Then the power fails: when `next` is through, and whenever it had promised something. With more
  /// `kills` that one is killed too, at each of its steps.
  using Next = std::function<void(const Aftermath& killed)>;
  void check_after_kills(const Next& next, const Check& check, unsigned kills = 1);

 private:
  struct Moment {
    const DiskImage& image;
    std::span<const DiskStep> before;
    std::size_t first_told = 0;   // of the steps before
    std::string_view story = {};  // of those before that
  };
  /// What a process did after others had been killed.
  struct Run {
    DiskImage begin;
    std::vector<DiskStep> before;  // of the others
    std::vector<DiskStep> steps;
    std::string story;  // of the others
  };
  std::vector<DiskStep> record_in(const std::filesystem::path& root, const std::function<void()>& run);
  bool go_on_after_kills(const Run& run, const Next& next, const Check& check, unsigned kills);
  std::vector<DiskStep> go_on_once(DiskImage& image, std::span<const DiskStep> before, const Next& next);
  bool check_promises(const Run& run, const Check& check);
  bool check_moment(const Moment& moment, const std::vector<Fate>& fates, const Check& check);
  bool check_tree(const Moment& moment, const DiskTree& tree, const Fate& fate, const Check& check);
  static std::string tell(const Moment& moment);

  std::filesystem::path root_;
  DiskImage begin_;
  std::vector<DiskStep> steps_;
  DiskRecorder::Listener listener_;
  TempDirectory scratch_;
  std::set<std::size_t> checked_;  // what looks so was checked
  unsigned seed_;
};

}  // namespace pgkeep::test
