#pragma once

#include <optional>
#include <string>
#include <vector>

#include "catalog/io/guarded.h"
#include "catalog/records/event_journal.h"
#include "streaming/receive/wal_receiver.h"

namespace pgkeep::streaming {

/// Puts what happened into the server's journal, and tells the observer unless it was said before. Borrows
/// the observer. Any thread.
class EventReporter {
 public:
  EventReporter(const store::ServerLayout& layout, WalReceiverObserver& observer)
      : layout_(layout), journal_(layout), observer_(&observer) {}

  /// For what has to be known before the stream continues: durable before it returns. Throws Busy when
  /// another process holds the journal for io::kLockPatience.
  void report(catalog::EventKind kind, std::string cause, std::optional<catalog::WalRange> range = {});
  /// For what is found again when it was not recorded: the same, but Busy at once, since commits may wait for
  /// this thread.
  void report_if_free(const catalog::Event& event);
  /// For what has happened, and is not found again: while another process holds the journal the observer is
  /// warned, and it is written by the next call that finds the journal free. Throws StorageError.
  void note(catalog::EventKind kind, std::string cause, std::optional<catalog::WalRange> range = {});
  /// Writes what note() could not, if that can be done at once.
  void write_late();
  void warn(const std::string& what) { observer_->warning(what); }
  std::vector<catalog::Event> all() const { return journal_.read(); }

 private:
  bool is_free() const;
  void append(const catalog::Event& event);

  store::ServerLayout layout_;
  catalog::EventJournal journal_;
  WalReceiverObserver* observer_;
  io::Guarded<std::vector<catalog::Event>> late_;  // oldest first
};

}  // namespace pgkeep::streaming
