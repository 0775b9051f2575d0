#include "server/notify/send_report.h"

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/io/lock.h"
#include "server/health/report_record.h"
#include "server/notify/curl_call.h"
#include "server/notify/send_mail.h"
#include "server/report/mail_report.h"

namespace pgkeep::server {
namespace {

/// The heartbeat says that the report has been sent: who hears it looks at nothing else. That it was not
/// heard makes the report no less sent.
std::string call_heartbeat(const MailConfig& mail, const std::stop_token& stop) {
  if (mail.heartbeat.empty()) return {};
  try {
    call_url(mail.heartbeat, stop);
    return {};
  } catch (const Error& error) {
    return fmt::format("; the heartbeat was not heard: {}", error.what());
  }
}

/// What was noted by a clock that was ahead decides nothing: else no report would be sent until then.
bool forget_the_future(ReportRecord& record, io::TimePoint now) {
  const bool ahead =
      record.since > now || record.sent.value_or(now) > now || record.tried.value_or(now) > now;
  if (ahead) record = {.since = now, .sent = {}, .tried = {}, .failures = 0, .error = {}};
  return ahead;
}

}  // namespace

void mail_report_to(const Config& config, const std::function<FleetReport()>& make, WithHooks with_hooks,
                    io::ProgressObserver& observer, const std::stop_token& stop) {
  const auto& mail = config.mail;
  auto hooks = hooks_of_report(config, with_hooks);
  hooks.tell("MAIL_TO", mail.to);
  hooks.watch(observer, stop, [&] {
    hooks.before(observer, stop);
    const auto report = make();
    hooks.tell("VERDICT", verdict(report));
    send_mail(mail, mail_report(report, {.to = mail.to, .from = sender_of(mail)}), stop);
  });
  hooks.tell("STATUS", "done");
  hooks.after(observer, stop);
}

ReportTurn send_due_report(const Config& config, const store::Repository& repository, io::TimePoint now,
                           const std::function<FleetReport()>& make, io::ProgressObserver& observer,
                           const std::stop_token& stop) {
  using What = ReportTurn::What;
  if (!config.schedule.report.is_set()) return {};
  const auto lock = io::FileLock::try_acquire(repository.root() / ".report.lock", "report");
  if (!lock) return {};
  auto record = read_report_record(repository);
  if (!record) {
    write_report_record(repository, {.since = now, .sent = {}, .tried = {}, .failures = 0, .error = {}});
    return {};
  }
  if (forget_the_future(*record, now)) write_report_record(repository, *record);
  const auto next = next_report(config.schedule, *record);
  if (!next || *next > now) return {};
  // Noted before it is sent: on a disk that takes nothing, or after a kill, a mail that is not known to have
  // been taken would be sent again at every look.
  const auto before = *record;
  record->tried = now;
  ++record->failures;
  record->error = "it is not known whether it was sent";
  write_report_record(repository, *record);
  try {
    mail_report_to(config, make, WithHooks::yes, observer, stop);
  } catch (const Interrupted&) {
    write_report_record(repository, before);  // who ends the process has not failed
    throw;
  } catch (const std::exception& error) {
    record->error = error.what();
    write_report_record(repository, *record);
    const auto again = next_report(config.schedule, *record);
    return {What::failed, fmt::format("the report of the fleet could not be sent: {}; tried again at {}",
                                      error.what(), again ? io::format_time(*again) : "no time")};
  }
  // Noted before the heartbeat: a kill in between costs a call, and not a second mail.
  record->sent = now;
  record->failures = 0;
  record->error.clear();
  write_report_record(repository, *record);
  return {What::sent, fmt::format("the report of the fleet was sent to {}{}", config.mail.to,
                                  call_heartbeat(config.mail, stop))};
}

std::optional<io::TimePoint> due_report(const Config& config, const store::Repository& repository,
                                        io::TimePoint now) {
  if (!config.schedule.report.is_set()) return std::nullopt;
  const auto record = read_report_record(repository);
  if (!record) return std::nullopt;
  const auto next = next_report(config.schedule, *record);
  return next && *next <= now ? next : std::nullopt;
}

}  // namespace pgkeep::server
