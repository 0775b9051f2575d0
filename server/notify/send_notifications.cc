#include "server/notify/send_notifications.h"

#include <algorithm>
#include <array>
#include <unistd.h>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "server/config/secret_file.h"
#include "server/health/notification_record.h"
#include "server/notify/curl_call.h"
#include "server/notify/send_mail.h"
#include "server/report/mail_report.h"

namespace pgkeep::server {
namespace {

constexpr std::string_view kMail = "mail";
constexpr std::string_view kWebhook = "webhook";
constexpr std::chrono::seconds kFirstPause{30};
constexpr std::chrono::minutes kLongestPause{10};

std::string host_name() {
  std::array<char, 256> host{};
  return ::gethostname(host.data(), host.size() - 1) == 0 ? host.data() : "this host";
}

void send(const Config& config, std::string_view receiver, const std::vector<FindingChange>& changes,
          io::TimePoint time, const std::stop_token& stop) {
  const auto& notify = config.notify;
  if (receiver == kMail) {
    auto mail = config.mail;
    mail.to = notify.mail;
    const auto text = fmt::format("{}\nFrom pgkeep on {}. `pgkeep check` tells how it is now.\n",
                                  text_of(changes), host_name());
    return send_mail(mail, plain_mail(summary_of(changes), text, time, {mail.to, sender_of(mail)}), stop);
  }
  const auto url = read_secret_line(notify.webhook_file, "notify.webhook_file");
  if (!url.starts_with("https://") &&
      !url.starts_with("http://"))  // it may be a token, which nobody is to see
    throw Error(
        fmt::format("{}: an address that begins with https:// or http:// is expected", notify.webhook_file));
  const auto token =
      notify.token_file.empty() ? std::string() : read_secret_line(notify.token_file, "notify.token_file");
  const auto body = notify.webhook_format == WebhookFormat::slack ? slack_of(changes, host_name())
                                                                  : json_of(changes, host_name(), time);
  post_json(url, token, json_text(body), stop);
}

std::chrono::seconds pause_after(unsigned failures) {
  auto pause = kFirstPause;
  for (unsigned i = 1; i < failures && pause < kLongestPause; ++i) pause *= 2;
  return std::min<std::chrono::seconds>(pause, kLongestPause);
}

/// A clock that was ahead does not count.
bool may_try(const NotifiedReceiver& receiver, io::TimePoint time) {
  return receiver.failures == 0 || !receiver.tried || *receiver.tried > time ||
         *receiver.tried + pause_after(receiver.failures) <= time;
}

/// That somebody was not reached is told to the others while it is so: who was not reached itself has no use
/// for it, and hears it only when it is over.
FleetFindings without_own_failure(FleetFindings now, const NotificationRecord& record,
                                  const std::string& receiver) {
  const bool others_fail = std::ranges::any_of(
      record, [&](const auto& known) { return known.first != receiver && known.second.failures != 0; });
  if (const auto ours = now.servers.find(""); ours != now.servers.end() && !others_fail)
    ours->second.findings.erase("notifications");
  return now;
}

}  // namespace

std::vector<std::string> receivers_of(const NotifyConfig& notify) {
  std::vector<std::string> receivers;
  if (!notify.mail.empty()) receivers.emplace_back(kMail);
  if (!notify.webhook_file.empty()) receivers.emplace_back(kWebhook);
  return receivers;
}

NotificationTurn send_notifications(const Config& config, const store::Repository& repository,
                                    const FleetFindings& now, io::TimePoint time,
                                    const std::stop_token& stop) {
  NotificationTurn turn;
  auto record = read_notification_record(repository);
  const auto receivers = receivers_of(config.notify);
  // One that is named again some day is told everything.
  const auto forgotten = std::erase_if(record, [&](const auto& known) {
    return std::ranges::find(receivers, known.first) == receivers.end();
  });
  if (forgotten != 0) write_notification_record(repository, record);
  for (const auto& name : receivers) {
    auto& receiver = record[name];
    const auto wanted =
        findings_to_tell(without_own_failure(now, record, name), receiver.told, config.notify.from);
    const auto changes = changes_to_tell(receiver.told, wanted);
    NotifiedReceiver after{
        .told = told_after(receiver.told, wanted), .tried = {}, .failures = 0, .error = {}};
    if (changes.empty() && after == receiver) continue;
    if (!changes.empty() && !may_try(receiver, time)) continue;
    try {
      if (!changes.empty()) {
        send(config, name, changes, time, stop);
        turn.sent.push_back(fmt::format("{}: {}", name, summary_of(changes)));
      }
      receiver = std::move(after);
    } catch (const Interrupted&) {
      throw;
    } catch (const std::exception& error) {
      if (receiver.error != error.what())
        turn.failed.push_back(fmt::format("{}: what changed could not be told: {}", name, error.what()));
      receiver.tried = time;
      ++receiver.failures;
      receiver.error = error.what();
    }
    // After each: a kill must not have the others told again.
    write_notification_record(repository, record);
  }
  return turn;
}

void send_test_notification(const Config& config, const std::string& receiver, const std::stop_token& stop) {
  const std::vector<FindingChange> test{{.kind = FindingChange::Kind::appeared,
                                         .finding = {.key = "check",
                                                     .severity = Severity::warning,
                                                     .what = "this is a test: nothing is wrong",
                                                     .hint = "nothing is to be done",
                                                     .server = {}},
                                         .before = Severity::ok}};
  send(config, receiver, test, io::now(), stop);
}

}  // namespace pgkeep::server
