#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "catalog/io/error.h"
#include "catalog/wal/wal_adoption.h"
#include "catalog/wal/wal_archive_writer.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/memory_folder.h"
#include "tests/support/wal_builder.h"

// Segments of three histories of one timeline, of which some are received, in any order and with gaps, and
// some are pushed and wait. Two of the histories are the same up to the middle of a segment, as those of a
// server and of a clone are. Whatever happens,
// - what is archived stays as it is, and only what waited is added;
// - a gap is filled exactly when one chain of the segments that wait, and no other, leads from the segment
//   before it to the one after it, or to the oldest that is held;
// - filling gaps a second time finds nothing more.

namespace {

using namespace pgkeep;
using fuzz::require;
using postgres::WalSegment;

constexpr postgres::TimelineId kOne(1);
constexpr std::uint64_t kFirst = 4;
constexpr std::size_t kSegments = 5;
constexpr std::size_t kHistories = 3;
const auto kSize = test::sample_segment_size();

using History = std::vector<io::ByteVector>;

History cut(const test::WalBuilder& wal) {
  History history;
  for (std::size_t i = 0; i < kSegments; ++i) history.push_back(wal.segment(i));
  return history;
}

const std::array<History, kHistories>& histories() {
  static const auto made = [] {
    const auto begin = WalSegment{kOne, kFirst}.begin(kSize);
    const auto end = begin + kSegments * kSize.bytes();
    test::WalBuilder own(begin);
    own.fill_to(begin + kSize.bytes() + 0x80018);
    auto clone = own;  // from there on
    own.fill_to(end);
    clone.other(1000);
    clone.fill_to(end);
    test::WalBuilder other(begin);
    other.other(3000);
    other.fill_to(end);
    return std::array{cut(own), cut(clone), cut(other)};
  }();
  return made;
}

WalSegment segment(std::size_t index) {
  return {kOne, kFirst + index};
}

/// Which content a segment has: the first history with the same.
using Content = std::size_t;
Content content_of(std::size_t index, std::size_t history) {
  for (std::size_t known = 0; known < history; ++known)
    if (histories()[known][index] == histories()[history][index]) return known;
  return history;
}

/// Whether some server wrote both, one after the other.
bool join(std::size_t index, Content content, Content next) {
  for (std::size_t history = 0; history < kHistories; ++history)
    if (content_of(index, history) == content && content_of(index + 1, history) == next) return true;
  return false;
}

/// One server's archive, new for each input, and what is in it by our account.
class Archive {
 public:
  Archive() {
    std::filesystem::remove_all(layout_.root());
    layout_.make();
  }

  void receive(std::size_t index, std::size_t history) {
    if (archived_.contains(index)) return;
    try {
      auto partial = catalog::PartialSegment::open(layout_, segment(index), kSize);
      partial.write(histories()[history][index], io::now());
      catalog::WalArchiveWriter(archive_).store_segment(partial, postgres::TimelineHistory(kOne), 1);
      archived_[index] = content_of(index, history);
    } catch (const Corruption&) {
      io::remove_file(layout_.partial(segment(index), kSize));
      require(!joins_neighbours(index, content_of(index, history)), "a segment is refused that joins");
    }
  }

  void push(std::size_t index, std::size_t history) {
    if (archived_.contains(index)) return;
    io::MemorySource source(histories()[history][index]);
    const auto staged = catalog::StagedFile::receive(layout_, source, kSize.bytes());
    try {
      const auto header =
          archive_.check_segment(staged.file(), segment(index), postgres::TimelineHistory(kOne));
      waiting_wal_.keep(header, staged, {});
      waiting_[index].insert(content_of(index, history));
    } catch (const Corruption&) {
      require(!joins_neighbours(index, content_of(index, history)), "a pushed segment is refused that joins");
    }
  }

  void damage(std::size_t index, fuzz::Input& input) {
    const auto copies = waiting_wal_.of(segment(index));
    if (copies.empty()) return;
    auto file = io::File::open_to_change(copies.front().copy.path);
    std::array<std::byte, 1> byte{};
    const auto at = input.word() % file.size();
    file.read_exactly_at(byte, at);
    byte[0] ^= std::byte{1};
    file.write_at(byte, at);
    file.close();
    damaged_ = true;  // what it still proves depends on the place
  }

  void fill_gaps() {
    const auto before = archived_;
    const auto expected = damaged_ ? std::map<std::size_t, Content>() : fillings();
    const auto record = [](const catalog::Event&) {};
    adoption_.fill_gaps(record);
    look();
    for (const auto& [index, content] : before) require(archived_.at(index) == content, "a segment changed");
    if (!damaged_) {
      auto all = before;
      all.insert(expected.begin(), expected.end());
      require(archived_ == all, "a gap is filled that is not proved, or a proved one is not");
    }
    for (const auto& [index, content] : archived_) {
      if (before.contains(index)) continue;
      require(waiting_[index].contains(content), "a segment comes from nowhere");
      const auto left = archived_.find(index - 1);
      const auto right = archived_.find(index + 1);
      require(left == archived_.end() || join(index - 1, left->second, content),
              "the left side does not join");
      require(right != archived_.end() && join(index, content, right->second),
              "the right side does not join");
    }
    const auto after = archived_;
    adoption_.fill_gaps(record);
    look();
    require(archived_ == after, "the second time more is found");
    for (const auto& [index, content] : archived_) waiting_.erase(index);
  }

  void offer(fuzz::Input& input) {
    const auto before = archived_;
    const auto offered = adoption_.offer(kOne, std::nullopt);
    for (const auto& one : offered.segments)
      require(!archived_.contains(one.segment.number - kFirst), "what is held is offered");
    if (input.byte() % 2 == 0) return;
    adoption_.take(offered, "somebody said so", [](const catalog::Event&) {});
    look();
    for (const auto& [index, content] : before) require(archived_.at(index) == content, "a segment changed");
    for (const auto& [index, content] : archived_) {
      const auto left = archived_.find(index - 1);
      if (!before.contains(index) && left != archived_.end())
        require(join(index - 1, left->second, content), "what does not join was taken");
    }
    for (const auto& [index, content] : archived_) waiting_.erase(index);
  }

 private:
  bool joins_neighbours(std::size_t index, Content content) const {
    const auto left = archived_.find(index - 1);
    const auto right = archived_.find(index + 1);
    return (left == archived_.end() || join(index - 1, left->second, content)) &&
           (right == archived_.end() || join(index, content, right->second));
  }
  /// Reads what is archived.
  void look() {
    archived_.clear();
    for (std::size_t index = 0; index < kSegments; ++index) {
      auto file = archive_.open_segment(segment(index));
      if (!file) continue;
      io::ByteVector bytes(kSize.bytes());
      std::size_t done = 0;
      while (const auto n = file->read(io::ByteSpan(bytes).subspan(done))) done += n;
      std::optional<Content> found;
      for (std::size_t history = kHistories; history-- > 0;)
        if (histories()[history][index] == bytes) found = content_of(index, history);
      require(found.has_value(), "bytes that nobody wrote");
      archived_[index] = *found;
    }
  }

  using Chain = std::vector<Content>;
  /// The chains of waiting segments from `first` to before `right` that join both sides.
  void chains(std::size_t first, std::size_t right, Chain& chain, std::vector<Chain>& found) const {
    const auto index = first + chain.size();
    const auto continues = [&](Content content) {
      if (!chain.empty()) return join(index - 1, chain.back(), content);
      return first == 0 || !archived_.contains(first - 1) ||
             join(first - 1, archived_.at(first - 1), content);
    };
    if (index == right) {
      if (join(right - 1, chain.back(), archived_.at(right))) found.push_back(chain);
      return;
    }
    for (const auto content : waiting_.at(index)) {
      if (!continues(content)) continue;
      chain.push_back(content);
      chains(first, right, chain, found);
      chain.pop_back();
    }
  }
  /// What is taken into the gaps.
  std::map<std::size_t, Content> fillings() const {
    std::map<std::size_t, Content> filled;
    for (const auto& [right, content] : archived_) {
      auto first = right;
      while (first > 0 && waiting_.contains(first - 1) && !archived_.contains(first - 1)) --first;
      if (first == right) continue;
      const bool from_held = first > 0 && archived_.contains(first - 1);
      if (!from_held && first > archived_.begin()->first) continue;  // it does not wait whole
      Chain chain;
      std::vector<Chain> found;
      chains(first, right, chain, found);
      if (found.size() != 1) continue;
      for (std::size_t i = 0; i < found[0].size(); ++i) filled[first + i] = found[0][i];
    }
    return filled;
  }

  store::ServerLayout layout_{fuzz::memory_folder() / "main"};
  catalog::WalArchive archive_{layout_, {test::kSampleSystem, test::kSampleMajor, kSize, 8192}};
  catalog::WaitingWal waiting_wal_{archive_};
  catalog::WalAdoption adoption_{archive_};
  std::map<std::size_t, Content> archived_;
  std::map<std::size_t, std::set<Content>> waiting_;  // none that are archived
  bool damaged_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  Archive archive;
  for (int left = 10; left > 0 && !input.empty(); --left) {
    const auto step = input.byte();
    const auto index = (step >> 3) % kSegments;
    const auto history = input.byte() % kHistories;
    switch (step % 8) {
      case 0:
      case 1:
        archive.receive(index, history);
        break;
      case 2:
      case 3:
      case 4:
        archive.push(index, history);
        break;
      case 5:
        if (history == 0) archive.damage(index, input);
        break;
      case 6:
        archive.fill_gaps();
        break;
      default:
        archive.offer(input);
    }
  }
  archive.fill_gaps();
  return 0;
}
