#include "server/daemon/wal_log.h"

#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "catalog/io/units.h"

namespace pgkeep::server {
namespace {

constexpr std::chrono::hours kSayAgainAfter{1};

}  // namespace

void WalLog::connected(const streaming::Connection& connection, const streaming::SystemInfo& system) {
  const auto text = fmt::format("connected to {}: PostgreSQL {}, cluster {}, timeline {}, at {}",
                                connection.peer(), connection.version_text(), system.system.to_string(),
                                system.timeline.to_string(), system.position.to_string());
  // One that connects at every try and fails afterwards would fill the log.
  const bool failing = said_.with([&](auto& said) {
    if (said.what.empty()) return false;
    said.connected = text;
    return true;
  });
  log_->log(failing ? spdlog::level::debug : spdlog::level::info, "{}", text);
}

void WalLog::streaming_from(const postgres::WalPosition& position) {
  const auto said = said_.with([](auto& kept) { return std::exchange(kept, Said{}); });
  if (!said.connected.empty()) log_->info("{}", said.connected);
  log_->info("receiving WAL from {} on timeline {}", position.lsn.to_string(), position.timeline.to_string());
}

void WalLog::segment_archived(const catalog::SegmentFileHeader& segment) {
  ++segments_;
  // On a busy server this is many a second: for --verbose.
  log_->debug("archived {}", segment.segment.name(segment.size));
}

void WalLog::timeline_switched(postgres::TimelineId from, postgres::TimelineId to, postgres::Lsn at) {
  log_->info("the server left timeline {} at {}; following timeline {}", from.to_string(), at.to_string(),
             to.to_string());
}

bool WalLog::said_lately(const std::string& what) {
  const auto now = std::chrono::steady_clock::now();
  return said_.with([&](auto& said) {
    if (said.what == what && now - said.at < kSayAgainAfter) return true;
    said = {what, now, {}};
    return false;
  });
}

void WalLog::disconnected(const std::string& why, std::chrono::milliseconds retry_in, bool needs_attention) {
  const auto level = said_lately(why)  ? spdlog::level::debug
                     : needs_attention ? spdlog::level::err
                                       : spdlog::level::warn;
  log_->log(level, "{}; trying again in {}", why, io::format_duration(retry_in));
}

void WalLog::event(const catalog::Event& event) {
  using Kind = catalog::EventKind;
  const bool every_day = event.kind == Kind::slot_created || event.kind == Kind::slot_dropped;
  log_->log(every_day ? spdlog::level::info : spdlog::level::warn, "{}: {}", catalog::to_string(event.kind),
            event.cause);
}

void WalLog::warning(const std::string& what) {
  log_->warn("{}", what);
}

void WalLog::stopped(const std::optional<postgres::WalPosition>& flushed) {
  log_->info("stopped as asked; {}",
             flushed ? fmt::format("WAL is safe up to {} on timeline {}", flushed->lsn.to_string(),
                                   flushed->timeline.to_string())
                     : "no WAL came");
}

}  // namespace pgkeep::server
