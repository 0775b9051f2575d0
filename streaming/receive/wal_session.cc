#include "streaming/receive/wal_session.h"

#include <algorithm>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "streaming/receive/held_witness.h"
#include "streaming/receive/wal_proof.h"

namespace pgkeep::streaming {
namespace {

constexpr std::string_view kNoSuchFile = "58P01";
constexpr std::string_view kNotInThatState = "55000";
// A timeline on which nothing was written is rare, two are a very unlucky day.
constexpr int kMostSwitchesWithoutWal = 8;
constexpr int kMostRefusalsWithoutWal = 2;

}  // namespace

WalSession::WalSession(const store::ServerLayout& layout, const WalReceiverSettings& settings,
                       WalReceiverObserver& observer, WalWorkers& workers, WalIntake::Progress progress,
                       int& searches_in_vain, const std::stop_token& stop)
    : layout_(layout),
      settings_(&settings),
      observer_(&observer),
      stop_(stop),
      events_(layout, observer),
      slots_(layout, settings, events_),
      node_(connect()),
      intake_(open_archive(), settings, observer, workers, std::move(progress)),
      missing_(intake_, settings, events_, searches_in_vain) {}

Node WalSession::connect() {
  const auto rival = [this](const Node& other, const Node* chosen, const std::string& objection) {
    if (chosen != nullptr && chosen->system.system != other.system.system) return;
    const auto identity = catalog::read_identity(layout_);
    if (identity && identity->system != other.system.system) return;  // a wrong conninfo, and no rival
    events_.note(
        catalog::EventKind::split_brain,
        chosen == nullptr || chosen->standby
            ? objection
            : fmt::format("{} is a primary on timeline {} beside {} on timeline {}: nothing of it is stored. "
                          "Shut down the one that should not be",
                          other.connection.peer(), other.system.timeline.to_string(),
                          chosen->connection.peer(), chosen->system.timeline.to_string()));
  };
  return choose_node(
      settings_->connection, [this](Node& node) { return object_to(node); }, rival, stop_);
}

std::string WalSession::object_to(Node& node) const {
  const auto identity = catalog::read_identity(layout_);
  if (!identity) return {};
  if (identity->system != node.system.system) {
    return fmt::format("{} is another cluster (system identifier {}, here {})", node.connection.peer(),
                       node.system.system.to_string(), identity->system.to_string());
  }
  try {
    require_on_line(node.connection.peer(), ask_line(node.connection, node.system), {layout_, *identity});
    return {};
  } catch (const Refused& refused) {
    return refused.what();
  } catch (const ServerError& error) {
    if (error.retryable()) throw;  // it shuts down: nothing is known of it until it is back
    return error.what();           // it does not know its own history
  }
}

/// Only once it is clear that the cluster is the one whose WAL is here.
catalog::WalArchive WalSession::open_archive() {
  const auto identity = ask_identity(node_.connection, node_.system);
  catalog::confirm_identity(layout_, identity);
  observer_->connected(node_.connection, node_.system);
  if (!identity.formats_known())
    observer_->warning(postgres::why_not_known(identity.major_version) + ": its WAL is stored unchecked");
  return {layout_, identity};
}

void WalSession::run() {
  try {
    stream();
  } catch (const RolledBack& found) {
    // Durable before anything else is tried: it must not be accepted once it has passed what is held.
    if (found.range()) events_.report(catalog::EventKind::rolled_back, found.what(), found.range());
    throw;
  } catch (const catalog::OtherWal& found) {
    events_.report(catalog::EventKind::rolled_back, found.what());
    throw;
  }
}

void WalSession::stream() {
  require_decided(layout_);
  intake_.finish_interrupted();
  take_line();
  require_not_put_back();  // before it gets a slot
  slot_ = slots_.prepare(node_, intake_.archive().identity().wal_segment_size, stop_);
  leftovers_.emplace(layout_, *settings_, node_, events_);
  warn_of_blind_start();
  std::optional<StreamStart> start = next_start();
  while (start) {
    try {
      start = receive(*start);
    } catch (const ServerError& error) {
      note_progress(*start);
      start = after_refusal(*start, error);
    }
  }
}

/// Without WAL here, only the slot tells where the server's begins.
void WalSession::warn_of_blind_start() {
  if (slot_.restart_lsn || intake_.archive().inventory().newest_timeline()) return;
  observer_->warning(
      fmt::format("where slot {} stands on {} cannot be read, "
                  "so WAL is received from the server's present position on ({})",
                  settings_->slot, node_.connection.peer(), node_.system.position.to_string()));
}

std::optional<StreamStart> WalSession::receive(const StreamStart& start) {
  const auto end = intake_.receive(node_.connection, &settings_->slot, start, stop_);
  note_progress(start);
  switch (end.why) {
    case StreamEnd::Why::stop_asked:
      return std::nullopt;
    case StreamEnd::Why::timeline_ended:
      return switch_timeline(start, end);
    case StreamEnd::Why::reached:
      break;
  }
  refresh();
  return next_start();
}

/// Takes over the line that the server is on, before anything of it is stored.
void WalSession::take_line() {
  const auto& peer = node_.connection.peer();
  const auto line = ask_line(node_.connection, node_.system);
  try {
    require_on_line(peer, line, intake_.archive());
  } catch (const OtherBranch& refused) {
    if (!node_.standby) events_.note(catalog::EventKind::split_brain, refused.what());
    throw;
  }
  adopt_histories(node_.connection, line, intake_, events_);
  report_branches_left(peer, line.history, intake_.archive(), events_);
  line_ = line.history;
}

/// The server runs on while we stream, and may have been promoted.
void WalSession::refresh() {
  node_.system = identify_system(node_.connection);
  if (node_.system.timeline != line_->timeline()) take_line();
}

/// A standby may lag.
void WalSession::require_not_put_back() {
  if (node_.standby) return;
  require_not_rolled_back(node_.connection.peer(), node_.system, intake_.archive(), events_.all());
}

/// That the server has the history that is held: one that was put back may have come past its end again. What
/// is held of the segment itself is compared while it is received again.
bool WalSession::prove_history(const postgres::WalPosition& position) {
  const auto& archive = intake_.archive();
  const auto segment = postgres::WalSegment::holding(position, archive.identity().wal_segment_size);
  if (partial_is_witness(archive, segment)) return true;
  const auto proof = prove_same_history(node_.connection, *line_, position, archive);
  if (proof == HistoryProof::same || proof == HistoryProof::nothing_held) return true;
  const auto why =
      proof == HistoryProof::damaged
          ? fmt::format(
                "what is archived before {} of timeline {} is damaged (`pgkeep verify-wal {}` tells where), "
                "so {} could not be compared with all of it",
                position.lsn.to_string(), position.timeline.to_string(), layout_.root().filename().native(),
                node_.connection.peer())
          : fmt::format(
                "{} does not have all the WAL before {} of timeline {} any more with which it could have been compared",
                node_.connection.peer(), position.lsn.to_string(), position.timeline.to_string());
  events_.note(catalog::EventKind::unproved,
               why +
                   ": that it has the history that is held is known from the last records there, "
                   "if they are to be had, and from the next one, which has to name the last one here");
  return false;
}

StreamStart WalSession::next_start() {
  require_not_put_back();
  auto start = choose_start(node_.connection.peer(), node_.system, *line_, slot_, begin_at_,
                            intake_.archive(), events_.all());
  // What is held before it may be another history's, and no commit of the server is to count as held by it.
  if (!prove_history(start.position)) start.report_from = std::max(start.report_from, start.position.lsn + 1);
  return start;
}

void WalSession::note_progress(const StreamStart& start) {
  const auto received = intake_.progress().received;
  if (received && received->timeline == start.position.timeline && received->lsn > start.position.lsn)
    switches_ = refusals_ = 0;
}

StreamStart WalSession::switch_timeline(const StreamStart& start, const StreamEnd& end) {
  const auto& peer = node_.connection.peer();
  const auto from = start.position.timeline;
  const auto next = end.next.value();
  if (++switches_ > kMostSwitchesWithoutWal) {
    throw ProtocolError(
        fmt::format("{}: ended {} timelines one after the other without any WAL; the last is timeline {}",
                    peer, switches_, from.to_string()));
  }
  const auto history = timeline_history(node_.connection, next.timeline);
  const auto line = postgres::TimelineHistory::parse(next.timeline, history.content);
  if (line.switch_point_of(from) != next.lsn) {
    throw ProtocolError(fmt::format(
        "{}: timeline {} is said to continue at {} of timeline {}, but {} says otherwise", peer,
        from.to_string(), next.lsn.to_string(), next.timeline.to_string(), next.timeline.history_file()));
  }
  // Also when it can be seen here: only this makes sure that it is durable before anything of the timeline
  // is.
  adopt_history(peer, next.timeline, history.content, intake_, events_);
  if (next.timeline > line_->timeline()) report_branches_left(peer, line, intake_.archive(), events_);
  observer_->timeline_switched(from, next.timeline, next.lsn);
  return start_after_switch(next, line_->contains(next.timeline) ? *line_ : line, intake_.archive());
}

StreamStart WalSession::after_refusal(const StreamStart& start, const ServerError& error) {
  const auto size = intake_.archive().identity().wal_segment_size;
  if (error.sqlstate() == kNotInThatState && !slot_renewed_) {
    if (!slots_.renew_refused(node_, size, error)) throw error;
    slot_renewed_ = true;
    slot_ = slots_.prepare(node_, size, stop_);
    refresh();
    return next_start();
  }
  if (error.sqlstate() != kNoSuchFile) throw error;
  // It may be losing WAL faster than we ask for it; each time would be another gap.
  if (++refusals_ > kMostRefusalsWithoutWal)
    throw ConnectionLost(fmt::format("{}; the {}th such answer without any WAL", error.what(), refusals_));
  refresh();
  slot_ = slots_.prepare(node_, size, stop_);
  begin_at_ = missing_.settle(node_, *line_, start, slot_, error, stop_);
  const auto next = next_start();
  if (next.position == start.position) throw error;  // nothing has changed
  return next;
}

}  // namespace pgkeep::streaming
