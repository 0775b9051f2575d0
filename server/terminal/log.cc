#include "server/terminal/log.h"

#include <cstdlib>
#include <string_view>
#include <unistd.h>

#include <fmt/format.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include "catalog/io/shown_text.h"

namespace pgkeep::server {
namespace {

// "2026-11-20T02:00:00.123Z info main: …"; UTC like all that pgkeep prints.
constexpr const char* kPattern = "%Y-%m-%dT%H:%M:%S.%eZ %l %n: %&";
// "<4>main: …": the journal has times of its own, and reads how grave a line is from its beginning.
constexpr const char* kJournalPattern = "<%*>%n: %&";

/// systemd tells a service which file is the way to the journal; a process whose output was redirected has
/// another.
bool is_journal(int fd) {
  const char* journal = std::getenv("JOURNAL_STREAM");
  struct stat file {};
  if (journal == nullptr || ::fstat(fd, &file) != 0) return false;
  return fmt::format("{}:{}", file.st_dev, file.st_ino) == journal;
}

/// syslog's number for the level.
class Priority final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm& /*time*/,
              spdlog::memory_buf_t& to) override {
    constexpr std::string_view kNumbers = "7764322";  // from trace to off
    to.push_back(kNumbers[static_cast<std::size_t>(message.level)]);
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<Priority>(); }
};

/// The message, without what would command the terminal of the reader.
class ShownText final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm& /*time*/,
              spdlog::memory_buf_t& to) override {
    const auto text = io::without_controls({message.payload.data(), message.payload.size()});
    to.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<ShownText>(); }
};

std::unique_ptr<spdlog::formatter> make_formatter() {
  auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
  formatter->add_flag<ShownText>('&');
  if (is_journal(STDERR_FILENO)) {
    formatter->add_flag<Priority>('*').set_pattern(kJournalPattern);
  } else {
    formatter->set_pattern(kPattern);
  }
  return formatter;
}

}  // namespace

Log make_log(const std::string& name, const Output& out) {
  auto logger = std::make_shared<spdlog::logger>(name, std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_formatter(make_formatter());
  logger->set_level(out.quiet()     ? spdlog::level::warn
                    : out.verbose() ? spdlog::level::debug
                                    : spdlog::level::info);
  logger->flush_on(spdlog::level::debug);
  return logger;
}

}  // namespace pgkeep::server
