#pragma once

#include <optional>
#include <string>

#include "catalog/event_journal.h"
#include "streaming/wal_receiver.h"

namespace pgkeep::streaming {

/// Puts what happened into the server's journal, and tells the observer unless it was said before. Borrows
/// the observer.
class EventReporter {
 public:
  EventReporter(const store::ServerLayout& layout, WalReceiverObserver& observer)
      : journal_(layout), observer_(&observer) {}
  /// Durable before it returns.
  void report(catalog::EventKind kind, std::string cause, std::optional<catalog::WalRange> range = {}) {
    const catalog::Event event{io::now(), kind, std::move(cause), range};
    if (journal_.append(event)) observer_->event(event);
  }
  std::vector<catalog::Event> all() const { return journal_.read(); }

 private:
  catalog::EventJournal journal_;
  WalReceiverObserver* observer_;
};

}  // namespace pgkeep::streaming
