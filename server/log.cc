#include "server/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace pgkeep::server {
namespace {

// "2026-11-20T02:00:00.123Z info main: …"; UTC like all that pgkeep prints.
constexpr const char* kPattern = "%Y-%m-%dT%H:%M:%S.%eZ %l %n: %v";

}  // namespace

Log make_log(const std::string& name, const Output& out) {
  auto logger = std::make_shared<spdlog::logger>(name, std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_pattern(kPattern, spdlog::pattern_time_type::utc);
  logger->set_level(out.quiet()     ? spdlog::level::warn
                    : out.verbose() ? spdlog::level::debug
                                    : spdlog::level::info);
  logger->flush_on(spdlog::level::debug);
  return logger;
}

}  // namespace pgkeep::server
