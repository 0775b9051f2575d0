#include "catalog/index/recorded_run.h"

#include <cerrno>
#include <optional>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>
#include <sys/stat.h>

#include "catalog/index/index_note.h"
#include "catalog/io/error.h"
#include "catalog/records/run_journal.h"
#include "catalog/store/space_samples.h"

namespace pgkeep::catalog {
namespace {

using Json = nlohmann::ordered_json;
using Warn = std::function<void(const std::string&)>;

/// Root leaves another user's index alone: the next run that its user records is added with this one.
bool may_write_index(const store::ServerLayout& layout) {
  struct stat status {};
  return ::geteuid() != 0 || ::stat(layout.root().c_str(), &status) != 0 || status.st_uid == 0;
}

/// For forecasts, also where no daemon runs. A disk that takes no sample is told of by what else it refuses.
void sample_space_of(const store::ServerLayout& layout) {
  try {
    store::sample_space(layout.root().parent_path(), io::now());
  } catch (const StorageError&) {
  }
}

class RecordedRun {
 public:
  RecordedRun(const store::ServerLayout& layout, std::string kind, std::string subject, const Warn& warn);
  std::string& subject() noexcept { return subject_; }
  void end(RunOutcome outcome, const std::string& error, const Json& details);

 private:
  store::ServerLayout layout_;
  RunJournal journal_;
  std::string kind_;
  std::string subject_;
  const Warn* warn_;
  io::TimePoint started_ = io::now();
  std::optional<RunRecord> run_;  // once its beginning is written
};

RecordedRun::RecordedRun(const store::ServerLayout& layout, std::string kind, std::string subject,
                         const Warn& warn)
    : layout_(layout), journal_(layout), kind_(std::move(kind)), subject_(std::move(subject)), warn_(&warn) {
  try {
    run_ = journal_.begin(kind_, subject_, started_);
  } catch (const StorageError& failure) {
    // A full disk must not keep anybody from making room, nor a read-only copy from being recovered.
    if (!failure.out_of_space() && failure.cause() != EROFS && failure.cause() != EACCES) throw;
    (*warn_)(fmt::format("the beginning of this {} could not be recorded; continuing without: {}", kind_,
                         failure.what()));
  } catch (const Busy& failure) {  // the journal tells of the work, and must not keep anybody from it
    (*warn_)(fmt::format("the beginning of this {} could not be recorded; continuing without: {}", kind_,
                         failure.what()));
  }
}

void RecordedRun::end(RunOutcome outcome, const std::string& error, const Json& details) {
  try {
    if (!run_) run_ = journal_.begin(kind_, subject_, started_);
    run_->subject = subject_;
    journal_.end(
        *run_, outcome, error,
        details.is_null() ? std::string() : details.dump(-1, ' ', false, Json::error_handler_t::replace));
    if (!may_write_index(layout_)) return;
    sample_space_of(layout_);
    const auto trouble = note_in_index(layout_, [](ServerCatalog& index) { index.add_runs(); });
    if (trouble) (*warn_)(fmt::format("the index could not be written: {}", *trouble));
  } catch (const Error& failure) {
    (*warn_)(fmt::format("the end of {} could not be recorded: {}", run_ ? run_->id : "this " + kind_,
                         failure.what()));
  }
}

}  // namespace

void record_run(const store::ServerLayout& layout, const std::string& kind, std::string subject,
                const std::function<void(const std::string&)>& warn, const RecordedWork& work) {
  RecordedRun run(layout, kind, std::move(subject), warn);
  try {
    const auto details = work(run.subject());
    run.end(RunOutcome::succeeded, "", details);
  } catch (const Interrupted& error) {
    run.end(RunOutcome::interrupted, error.what(), {});
    throw;
  } catch (const std::exception& error) {
    run.end(RunOutcome::failed, error.what(), {});
    throw;
  }
}

}  // namespace pgkeep::catalog
