#include "tests/judgement/model_walsender.h"

#include <algorithm>
#include <span>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "catalog/io/bytes.h"

namespace pgkeep::test {
namespace {

using postgres::Lsn;
using postgres::TimelineId;

constexpr std::string_view kNoSuchFile = "58P01";
constexpr std::string_view kInternalError = "XX000";

std::string message_head(char type, std::initializer_list<std::uint64_t> numbers) {
  std::string head(1 + 8 * numbers.size(), type);
  std::size_t at = 1;
  for (const auto number : numbers) {
    io::store_be(std::as_writable_bytes(std::span(head)).data() + at, number);
    at += 8;
  }
  return head;
}

std::string word_after(const std::string& text, std::string_view before) {
  const auto at = text.find(before);
  if (at == text.npos) return {};
  const auto begin = at + before.size();
  return text.substr(begin, text.find(' ', begin) - begin);
}

}  // namespace

/// One START_REPLICATION.
struct ModelWalsender::Stream {
  TimelineId timeline;
  Lsn next;                              // to be sent
  bool by_slot;                          // of the stream itself, and not a question about a piece of WAL
  std::optional<Lsn> ends_at{};          // of a timeline that the server has left
  std::optional<TimelineId> follower{};  // and the one that comes then
  bool asked = false;                    // to report, since all was sent
};

void ModelWalsender::serve(ModelServer& server, const Sending& sending, std::function<void()> caught_up) {
  const std::scoped_lock lock(mutex_);
  server_ = &server;
  sending_ = sending;
  sent_ = 0;
  reported_ = Lsn();
  streamed_any_ = false;
  caught_up_ = std::move(caught_up);
}

std::pair<Lsn, bool> ModelWalsender::end() {
  std::unique_lock lock(mutex_);
  all_gone_.wait(lock, [this] { return connections_ == 0; });
  server_ = nullptr;
  return {reported_, streamed_any_};
}

Lsn ModelWalsender::flushed() {
  const std::scoped_lock lock(mutex_);
  return sending_.flushed;
}

void ModelWalsender::play(FakeSession& session) {
  struct Presence {
    explicit Presence(ModelWalsender& sender) : sender_(&sender) {
      const std::scoped_lock lock(sender_->mutex_);
      ++sender_->connections_;
    }
    ~Presence() {
      const std::scoped_lock lock(sender_->mutex_);
      --sender_->connections_;
      sender_->all_gone_.notify_all();
    }
    ModelWalsender* sender_;
  };
  const Presence presence(*this);
  const auto startup = session.read_startup();
  session.welcome();
  const auto replication = startup.find("replication");
  replication != startup.end() && replication->second == "true" ? play_physical(session) : play_sql(session);
}

void ModelWalsender::play_physical(FakeSession& session) {
  for (auto query = session.read_query(); !query.empty(); query = session.read_query()) {
    if (!answer(session, query)) return;
  }
}

void ModelWalsender::play_sql(FakeSession& session) {
  for (auto query = session.read_query(); !query.empty(); query = session.read_query()) {
    if (query.find("pg_ls_waldir") == query.npos) {
      session.answer({"set_config"}, {{""}});
      continue;
    }
    std::vector<std::vector<FakeSession::Cell>> names;
    for (const auto& segment : server_->complete_segments())
      names.push_back({segment.name(sample_segment_size())});
    names.push_back({postgres::WalSegment{server_->timeline(), flushed().value() / kSampleSegmentBytes}.name(
        sample_segment_size())});
    session.answer({"name"}, names);
  }
}

/// False when the connection is to be broken off.
bool ModelWalsender::answer(FakeSession& session, const std::string& query) {
  const auto& server = *server_;
  if (query == "IDENTIFY_SYSTEM") {
    session.answer({"systemid", "timeline", "xlogpos", "dbname"},
                   {{kSampleSystem.to_string(), server.timeline().to_string(), flushed().to_string(), {}}});
  } else if (query == "SHOW in_hot_standby") {
    session.answer({"in_hot_standby"}, {{"off"}});
  } else if (query == "SHOW block_size") {
    session.answer({"block_size"}, {{"8192"}});
  } else if (query == "SHOW wal_segment_size") {
    session.answer({"wal_segment_size"}, {{"1MB"}});
  } else if (query.starts_with("TIMELINE_HISTORY")) {
    const auto timeline = TimelineId::parse_decimal(word_after(query, "TIMELINE_HISTORY ")).value();
    if (const auto content = server.history_file(timeline)) {
      session.answer({"filename", "content"}, {{timeline.history_file(), *content}});
    } else {
      session.error(kNoSuchFile, fmt::format("could not open file \"pg_wal/{}\"", timeline.history_file()));
      session.ready();
    }
  } else if (query.starts_with("READ_REPLICATION_SLOT")) {
    read_slot(session);
  } else if (query.starts_with("CREATE_REPLICATION_SLOT")) {
    create_slot(session);
  } else if (query.starts_with("DROP_REPLICATION_SLOT")) {
    server_->slot.reset();
    session.complete("DROP_REPLICATION_SLOT");
    session.ready();
  } else if (query.starts_with("START_REPLICATION")) {
    return start_replication(session, query);
  } else {
    throw std::runtime_error("a model server was asked what it does not know: " + query);
  }
  return true;
}

void ModelWalsender::read_slot(FakeSession& session) {
  std::vector<FakeSession::Cell> row(3);
  if (server_->slot) {
    row = {"physical", server_->slot->to_string(), server_->line().timeline_at(*server_->slot).to_string()};
  }
  session.answer({"slot_type", "restart_lsn", "restart_tli"}, {row});
}

/// WAL is held back from the last checkpoint on, which the model takes to be in what it has kept.
void ModelWalsender::create_slot(FakeSession& session) {
  const Lsn current(flushed().value() / kSampleSegmentBytes * kSampleSegmentBytes);
  server_->slot = std::max(current, server_->begin_of_kept);
  session.answer({"slot_name", "consistent_point", "snapshot_name", "output_plugin"},
                 {{"pgkeep", "0/0", {}, {}}});
}

bool ModelWalsender::start_replication(FakeSession& session, const std::string& query) {
  const auto& line = server_->line();
  Stream stream{TimelineId::parse_decimal(word_after(query, "TIMELINE ")).value(),
                Lsn::parse(word_after(query, "PHYSICAL ")).value(), query.find("SLOT ") != query.npos};
  const auto refuse = [&](std::string_view sqlstate, const std::string& message) {
    session.error(sqlstate, message);
    session.ready();
    return true;
  };
  if (stream.timeline != server_->timeline()) {
    stream.ends_at = line.switch_point_of(stream.timeline);
    if (!stream.ends_at || stream.next > *stream.ends_at)
      return refuse(kInternalError,
                    fmt::format("requested starting point {} on timeline {} is not in this server's history",
                                stream.next.to_string(), stream.timeline.to_string()));
    const auto& ancestors = line.ancestors();
    const auto own =
        std::ranges::find(ancestors, stream.timeline, &postgres::TimelineHistory::Ancestor::timeline);
    stream.follower = own + 1 == ancestors.end() ? line.timeline() : (own + 1)->timeline;
    if (stream.next == *stream.ends_at) {
      finish(session, stream);
      return true;
    }
  } else if (stream.next > flushed()) {
    return refuse(
        kInternalError,
        fmt::format("requested starting point {} is ahead of the WAL flush position of this server {}",
                    stream.next.to_string(), flushed().to_string()));
  }
  session.copy_both();
  if (stream.next < server_->begin_of_kept)
    return refuse(kNoSuchFile, "requested WAL segment has already been removed");
  return send_wal(session, stream);
}

/// Until one of the two ends it.
bool ModelWalsender::send_wal(FakeSession& session, Stream& stream) {
  for (;;) {
    if (stream.ends_at && stream.next == *stream.ends_at) {
      session.copy_done();
      while (read_message(session, stream)) {
      }
      finish(session, stream);
      return true;
    }
    const bool more = stream.next < stream.ends_at.value_or(flushed());
    if (more && !session.has_message()) {
      if (!send_piece(session, stream)) return false;
      continue;
    }
    if (!more && !std::exchange(stream.asked, true))
      session.copy_data(message_head('k', {flushed().value(), 0}) + '\1');
    if (!read_message(session, stream)) {
      session.copy_done();
      session.complete("START_STREAMING");
      session.ready();
      return true;
    }
  }
}

bool ModelWalsender::send_piece(FakeSession& session, Stream& stream) {
  // To the end of a page, unless it is all there is.
  const auto until =
      std::min(stream.ends_at.value_or(flushed()), Lsn((stream.next.value() + sending_.message_bytes) /
                                                       postgres::kWalBlockBytes * postgres::kWalBlockBytes));
  {
    const std::scoped_lock lock(mutex_);
    sent_ += until - stream.next;
    streamed_any_ = streamed_any_ || stream.by_slot;
    if (sending_.cut_after && sent_ > *sending_.cut_after) {
      sending_.cut_after.reset();
      return false;
    }
  }
  const auto wal = server_->wal(stream.next, until - stream.next, stream.timeline);
  session.copy_data(message_head('w', {stream.next.value(), flushed().value(), 0}) +
                    std::string(io::as_text(wal)));
  stream.next = until;
  stream.asked = false;
  return true;
}

/// False when pgkeep has ended the stream.
bool ModelWalsender::read_message(FakeSession& session, Stream& stream) {
  const auto message = session.read_message();
  if (!message || message->first != 'd') return false;
  take_status(message->second, stream);
  return true;
}

void ModelWalsender::take_status(const std::string& body, const Stream& stream) {
  if (body.empty() || body.front() != 'r' || !stream.by_slot) return;
  const auto number = [&](std::size_t at) {
    return Lsn(io::load_be<std::uint64_t>(io::as_bytes(body).data() + at));
  };
  const auto written = number(1);
  const auto flush = number(9);
  std::function<void()> caught_up;
  {
    const std::scoped_lock lock(mutex_);
    reported_ = std::max(reported_, flush);
    if (server_->slot) server_->slot = std::max(*server_->slot, flush);
    if (stream.timeline != server_->timeline() || written < sending_.flushed) return;
    if (sending_.flushed < sending_.flushed_then) {
      sending_.flushed = sending_.flushed_then;
    } else {
      caught_up = caught_up_;
    }
  }
  if (caught_up) caught_up();
}

/// Says where the next timeline begins.
void ModelWalsender::finish(FakeSession& session, const Stream& stream) {
  session.rows({"next_tli", "next_tli_startpos"},
               {{stream.follower->to_string(), stream.ends_at->to_string()}});
  session.complete();
  session.complete("START_STREAMING");
  session.ready();
}

}  // namespace pgkeep::test
