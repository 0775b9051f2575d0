#include "recover/recovery.h"

#include <memory>
#include <utility>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/io/shell.h"
#include "recover/deliver/places.h"
#include "recover/meter.h"
#include "recover/prepared_recovery.h"
#include "recover/restore_command.h"
#include "recover/start_commands.h"

namespace pgkeep::recover {
namespace {

using std::chrono::steady_clock;

/// The places outside of the destination come from the server that was backed up. Root could write to any, so
/// there the operator has to name them.
void require_named_tablespaces(const RecoveryPlan& plan) {
  std::string options;
  for (const auto& tablespace : plan.tablespaces) {
    if (tablespace.named || !tablespace.location.starts_with('/')) continue;
    options += fmt::format(" --tablespace {}",
                           io::shell_quote(fmt::format("{}:{}", tablespace.oid, tablespace.location)));
  }
  if (options.empty()) return;
  throw Refused(
      fmt::format("the server that was backed up chose where its tablespaces lie, "
                  "and root would write there; allow it with{}, name other places, "
                  "or recover as the user who will run PostgreSQL",
                  options));
}

/// One recovery, from the plan to the report.
class Recovery {
 public:
  Recovery(const RecoveryPlan& plan, const store::Repository& repository, const store::ServerLayout& layout,
           io::ProgressObserver& observer)
      : plan_(&plan),
        observer_(&observer),
        meter_(observer, plan.data_bytes + plan.wal_bytes),
        prepared_(plan, repository, layout, meter_),
        delivery_(plan.request.remote_ssh_command.empty()
                      ? local_delivery(plan.request.jobs)
                      : ssh_delivery(plan.request.remote_ssh_command, plan.request.jobs)) {}

  RecoveryPreview check();
  RecoveryReport run(const std::stop_token& stop);

 private:
  std::vector<std::string> shell() const;
  void check_destination();
  void check_restore_command();
  void write_all(const std::stop_token& stop);
  std::vector<std::string> review() const;
  RecoveryReport report();

  const RecoveryPlan* plan_;
  io::ProgressObserver* observer_;
  Meter meter_;
  PreparedRecovery prepared_;
  std::unique_ptr<Delivery> delivery_;
  std::string untried_;  // why the restore_command was not tried
  std::uint64_t files_ = 0;
};

std::vector<std::string> Recovery::shell() const {
  const auto& remote = plan_->request.remote_ssh_command;
  return remote.empty() ? std::vector<std::string>{"sh", "-c"} : io::split_command(remote);
}

void Recovery::check_destination() {
  require_free_places(shell(), prepared_.roots());
  delivery_->check(prepared_.roots());
  if (delivery_->start_facts(plan_->backup.major_version).as_root) require_named_tablespaces(*plan_);
}

/// A command that the server's user cannot run would leave the copy without its WAL.
void Recovery::check_restore_command() {
  const auto& request = plan_->request;
  if (request.wal_mode != WalMode::get_wal) return;
  const auto facts = delivery_->start_facts(plan_->backup.major_version);
  const bool can_try = request.remote_ssh_command.empty() && facts.as_root && facts.user != "root";
  if (!can_try) {
    untried_ =
        "restore_command is run by the user that PostgreSQL will run as, there: "
        "try it as that user before the start";
    return;
  }
  const auto trouble = try_restore_command(request.get_wal_command, facts.user);
  if (trouble.empty()) return;
  throw Refused(
      fmt::format("--get-wal: PostgreSQL will run as {}, who cannot fetch WAL by `{}`: {}. "
                  "Recover without --get-wal, which places the WAL in pg_wal, "
                  "or give a command that works with --get-wal-command",
                  facts.user, request.get_wal_command, trouble));
}

void Recovery::write_all(const std::stop_token& stop) {
  for (const auto& [path, mode] : prepared_.directories()) delivery_->make_directory(path, mode);
  for (const auto& [path, target] : prepared_.links()) delivery_->make_symlink(path, target);
  const auto counted = [this](const Delivery::Give& give) {
    return [this, &give](DeliveredFile file) {
      give(std::move(file));
      ++files_;
    };
  };
  delivery_->write_files(
      [&](const Delivery::Give& give) { prepared_.give_files(delivery_->workers(), counted(give)); }, stop);
  observer_->progress({.phase = "syncing", .done_bytes = meter_.done(), .total_bytes = 0});
  delivery_->finish();
  // Only now, when all else is durable: without pg_control PostgreSQL does not start.
  delivery_->write_files([&](const Delivery::Give& give) { counted(give)(prepared_.control_file()); }, stop);
  delivery_->finish();
}

std::vector<std::string> Recovery::review() const {
  auto review = prepared_.settings().review;
  if (!untried_.empty()) review.push_back(untried_);
  return review;
}

RecoveryReport Recovery::report() {
  const auto facts = delivery_->start_facts(plan_->backup.major_version);
  const auto& settings = prepared_.settings();
  RecoveryReport report{.files = files_,
                        .bytes = meter_.done(),
                        .wal_segments = plan_->wal.size(),
                        .changed_settings = settings.changed,
                        .review = review(),
                        .start_commands = start_commands(*plan_, facts, settings),
                        .resets = settings.resets,
                        .overrides = settings.overrides};
  if (facts.pg_ctl.find('/') == std::string::npos) {
    report.review.push_back(
        fmt::format("pg_ctl was not found where packages put it: it must be that of PostgreSQL {}",
                    plan_->backup.major_version));
  }
  if (facts.as_root && facts.user == "root") {
    report.review.emplace_back(
        "everything belongs to root, as the directory above does, and PostgreSQL refuses to run as root: "
        "the first command gives it to postgres");
  }
  return report;
}

RecoveryPreview Recovery::check() {
  check_destination();
  check_restore_command();
  const auto& settings = prepared_.settings();
  return {.changed_settings = settings.changed,
          .review = review(),
          .resets = settings.resets,
          .overrides = settings.overrides};
}

RecoveryReport Recovery::run(const std::stop_token& stop) {
  check();
  try {
    write_all(stop);
  } catch (const std::exception&) {
    observer_->warning(
        fmt::format("{} is incomplete: it has no global/pg_control, so PostgreSQL cannot start on it; "
                    "remove what was written before trying again",
                    prepared_.data_directory()));
    throw;
  }
  return report();
}

}  // namespace

RecoveryPreview check(const RecoveryPlan& plan, const store::Repository& repository,
                      const store::ServerLayout& layout, io::ProgressObserver& observer) {
  return Recovery(plan, repository, layout, observer).check();
}

RecoveryReport carry_out(const RecoveryPlan& plan, const store::Repository& repository,
                         const store::ServerLayout& layout, io::ProgressObserver& observer,
                         const std::stop_token& stop) {
  const auto begin = steady_clock::now();
  auto report = Recovery(plan, repository, layout, observer).run(stop);
  report.duration = std::chrono::duration_cast<std::chrono::milliseconds>(steady_clock::now() - begin);
  return report;
}

}  // namespace pgkeep::recover
