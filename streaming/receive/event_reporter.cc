#include "streaming/receive/event_reporter.h"

#include <utility>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/io/lock.h"

namespace pgkeep::streaming {

using catalog::Event;

/// It may be taken the next moment, which is for a moment then: who holds it for long is seen here.
bool EventReporter::is_free() const {
  const auto journal = io::File::open_or_create(layout_.event_journal());
  return io::try_lock(journal, io::LockKind::alone);
}

void EventReporter::append(const Event& event) {
  if (journal_.append(event)) observer_->event(event);
}

void EventReporter::report(catalog::EventKind kind, std::string cause,
                           std::optional<catalog::WalRange> range) {
  append({io::now(), kind, std::move(cause), range});
}

void EventReporter::report_if_free(const Event& event) {
  if (!is_free())
    throw Busy(fmt::format("{}: another process holds its lock", layout_.event_journal().native()));
  append(event);
}

void EventReporter::note(catalog::EventKind kind, std::string cause, std::optional<catalog::WalRange> range) {
  late_.with([&](auto& late) { late.push_back({io::now(), kind, std::move(cause), range}); });
  write_late();
}

void EventReporter::write_late() {
  late_.with([&](auto& late) {
    if (late.empty()) return;
    if (!is_free()) {
      warn(
          fmt::format("{}: another process holds its lock, so {} not recorded yet, the last: {}. "
                      "`fuser -v {}` names it; let it continue, or end it",
                      layout_.event_journal().native(),
                      late.size() == 1 ? "one event is" : fmt::format("{} events are", late.size()),
                      late.back().cause, layout_.event_journal().native()));
      return;
    }
    for (const auto& event : late) append(event);
    late.clear();
  });
}

}  // namespace pgkeep::streaming
