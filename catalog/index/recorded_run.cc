#include "catalog/index/recorded_run.h"

#include <algorithm>
#include <cerrno>
#include <deque>
#include <iterator>
#include <optional>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>
#include <sys/stat.h>

#include "catalog/index/index_note.h"
#include "catalog/io/error.h"
#include "catalog/io/guarded.h"
#include "catalog/io/shown_text.h"
#include "catalog/records/run_journal.h"
#include "catalog/store/space_samples.h"

namespace pgkeep::catalog {
namespace {

using Json = nlohmann::ordered_json;

// What counts is said at the beginning and at the end.
constexpr std::size_t kFirstMessages = 40;
constexpr std::size_t kLastMessages = 10;
constexpr std::size_t kLongestMessage = 500;  // bytes

/// Root leaves another user's index alone: the next run that its user records is added with this one.
bool may_write_index(const store::ServerLayout& layout) {
  struct stat status {};
  return ::geteuid() != 0 || ::stat(layout.root().c_str(), &status) != 0 || status.st_uid == 0;
}

/// For forecasts, also where no daemon runs. A disk that takes no sample is told of by what else it refuses.
void sample_space_of(const store::ServerLayout& layout) {
  try {
    store::sample_space(layout.root().parent_path(), io::now());
  } catch (const Error&) {
  }
}

/// Passes on what it is told, and keeps the first messages and the last.
class KeptMessages final : public io::ProgressObserver {
 public:
  explicit KeptMessages(io::ProgressObserver& observer) : observer_(&observer) {}
  void progress(const io::Progress& progress) override { observer_->progress(progress); }
  void note(std::string_view message) override {
    observer_->note(message);
    keep(false, message);
  }
  void warning(std::string_view message) override {
    observer_->warning(message);
    keep(true, message);
  }
  std::vector<RunMessage> take();

 private:
  struct Kept {
    std::vector<RunMessage> first;
    std::deque<RunMessage> last;
    std::uint64_t left_out = 0;
  };
  void keep(bool warning, std::string_view message);

  io::ProgressObserver* observer_;
  io::Guarded<Kept> kept_;
};

void KeptMessages::keep(bool warning, std::string_view message) {
  auto text = std::string(io::cut_text(message, kLongestMessage));
  if (text.size() < message.size()) text += "…";
  kept_.with([&](Kept& kept) {
    if (kept.first.size() < kFirstMessages) {
      kept.first.push_back({io::now(), warning, std::move(text)});
      return;
    }
    kept.last.push_back({io::now(), warning, std::move(text)});
    if (kept.last.size() <= kLastMessages) return;
    kept.last.pop_front();
    ++kept.left_out;
  });
}

std::vector<RunMessage> KeptMessages::take() {
  return kept_.with([](Kept& kept) {
    auto messages = std::exchange(kept.first, {});
    if (kept.left_out != 0)
      messages.push_back(
          {kept.last.front().at, false, fmt::format("({} messages are left out)", kept.left_out)});
    std::ranges::move(kept.last, std::back_inserter(messages));
    kept.last.clear();
    return messages;
  });
}

class RecordedRun {
 public:
  RecordedRun(const store::ServerLayout& layout, std::string kind, std::string subject,
              io::ProgressObserver& observer);
  io::ProgressObserver& observer() noexcept { return messages_; }
  std::string& subject() noexcept { return subject_; }
  void end(RunOutcome outcome, const std::string& error, const Json& details);

 private:
  store::ServerLayout layout_;
  RunJournal journal_;
  std::string kind_;
  std::string subject_;
  KeptMessages messages_;
  io::TimePoint started_ = io::now();
  std::optional<RunRecord> run_;  // once its beginning is written
};

RecordedRun::RecordedRun(const store::ServerLayout& layout, std::string kind, std::string subject,
                         io::ProgressObserver& observer)
    : layout_(layout),
      journal_(layout),
      kind_(std::move(kind)),
      subject_(std::move(subject)),
      messages_(observer) {
  try {
    run_ = journal_.begin(kind_, subject_, started_);
  } catch (const StorageError& failure) {
    // A full disk must not keep anybody from making room, nor a read-only copy from being recovered.
    if (!failure.out_of_space() && failure.cause() != EROFS && failure.cause() != EACCES) throw;
    messages_.warning(fmt::format("the beginning of this {} could not be recorded; continuing without: {}",
                                  kind_, failure.what()));
  } catch (const Busy& failure) {  // the journal tells of the work, and must not keep anybody from it
    messages_.warning(fmt::format("the beginning of this {} could not be recorded; continuing without: {}",
                                  kind_, failure.what()));
  }
}

void RecordedRun::end(RunOutcome outcome, const std::string& error, const Json& details) {
  try {
    if (!run_) run_ = journal_.begin(kind_, subject_, started_);
    run_->subject = subject_;
    run_->messages = messages_.take();
    journal_.end(
        *run_, outcome, error,
        details.is_null() ? std::string() : details.dump(-1, ' ', false, Json::error_handler_t::replace));
    if (!may_write_index(layout_)) return;
    sample_space_of(layout_);
    const auto trouble = note_in_index(layout_, [](ServerCatalog& index) { index.add_runs(); });
    if (trouble) messages_.warning(fmt::format("the index could not be written: {}", *trouble));
  } catch (const Error& failure) {
    messages_.warning(fmt::format("the end of {} could not be recorded: {}",
                                  run_ ? run_->id : "this " + kind_, failure.what()));
  }
}

}  // namespace

void record_run(const store::ServerLayout& layout, const std::string& kind, std::string subject,
                io::ProgressObserver& observer, const RecordedWork& work) {
  RecordedRun run(layout, kind, std::move(subject), observer);
  try {
    const auto details = work(run.subject(), run.observer());
    run.end(RunOutcome::succeeded, "", details);
  } catch (const Interrupted& error) {
    run.end(RunOutcome::interrupted, error.what(), {});
    throw;
  } catch (const FoundDamage& error) {
    run.end(RunOutcome::failed, error.what(), error.figures());
    throw;
  } catch (const std::exception& error) {
    run.end(RunOutcome::failed, error.what(), {});
    throw;
  }
}

}  // namespace pgkeep::catalog
