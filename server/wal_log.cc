#include "server/wal_log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "catalog/io/units.h"

namespace pgkeep::server {
namespace {

// "2026-11-20T02:00:00.123Z info main: …"; UTC like all that pgkeep prints.
constexpr const char* kPattern = "%Y-%m-%dT%H:%M:%S.%eZ %l %n: %v";

std::shared_ptr<spdlog::logger> make_logger(const std::string& server, const Output& out) {
  auto logger = std::make_shared<spdlog::logger>(server, std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_pattern(kPattern, spdlog::pattern_time_type::utc);
  logger->set_level(out.quiet()     ? spdlog::level::warn
                    : out.verbose() ? spdlog::level::debug
                                    : spdlog::level::info);
  logger->flush_on(spdlog::level::debug);
  return logger;
}

}  // namespace

WalLog::WalLog(std::string server, const Output& out)
    : server_(std::move(server)), logger_(make_logger(server_, out)) {}

void WalLog::connected(const streaming::Connection& connection, const streaming::SystemInfo& system) {
  logger_->info("connected to {}: PostgreSQL {}, cluster {}, timeline {}, at {}", connection.peer(),
                connection.version_text(), system.system.to_string(), system.timeline.to_string(),
                system.position.to_string());
}

void WalLog::streaming_from(const postgres::WalPosition& position) {
  logger_->info("receiving WAL from {} on timeline {}", position.lsn.to_string(),
                position.timeline.to_string());
}

void WalLog::segment_archived(const catalog::SegmentFileHeader& segment) {
  ++segments_;
  // On a busy server this is many a second: for --verbose.
  logger_->debug("archived {}", segment.segment.name(segment.size));
}

void WalLog::timeline_switched(postgres::TimelineId from, postgres::TimelineId to, postgres::Lsn at) {
  logger_->info("the server left timeline {} at {}; following timeline {}", from.to_string(), at.to_string(),
                to.to_string());
}

void WalLog::disconnected(const std::string& why, std::chrono::milliseconds retry_in, bool needs_attention) {
  logger_->log(needs_attention ? spdlog::level::err : spdlog::level::warn, "{}; trying again in {}", why,
               io::format_duration(retry_in));
}

void WalLog::event(const catalog::Event& event) {
  logger_->warn("{}: {}", catalog::to_string(event.kind), event.cause);
}

void WalLog::warning(const std::string& what) {
  logger_->warn("{}", what);
}

void WalLog::stopped(const std::optional<postgres::WalPosition>& flushed) {
  logger_->info("stopped as asked; {}",
                flushed ? fmt::format("WAL is safe up to {} on timeline {}", flushed->lsn.to_string(),
                                      flushed->timeline.to_string())
                        : "no WAL came");
}

}  // namespace pgkeep::server
