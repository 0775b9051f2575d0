#include "server/recorded_run.h"

#include <fmt/format.h>

#include "catalog/server_catalog.h"

namespace pgkeep::server {
namespace {

using catalog::RunOutcome;

void end_run(const store::ServerLayout& layout, catalog::RunJournal& journal, catalog::RunRecord& run,
             RunOutcome outcome, const std::string& error, const Json& details, Output& out) {
  try {
    journal.end(
        run, outcome, error,
        details.is_null() ? std::string() : details.dump(-1, ' ', false, Json::error_handler_t::replace));
    catalog::ServerCatalog::open(layout).put_run(run);
  } catch (const Error& failure) {
    out.warning(fmt::format("the end of {} could not be recorded: {}", run.id, failure.what()));
  }
}

}  // namespace

void record_run(const store::ServerLayout& layout, const std::string& kind, const std::string& subject,
                Output& out, const std::function<Json()>& work) {
  catalog::RunJournal journal(layout);
  auto run = journal.begin(kind, subject);
  try {
    const auto details = work();
    end_run(layout, journal, run, RunOutcome::succeeded, "", details, out);
  } catch (const Interrupted& error) {
    end_run(layout, journal, run, RunOutcome::interrupted, error.what(), {}, out);
    throw;
  } catch (const std::exception& error) {
    end_run(layout, journal, run, RunOutcome::failed, error.what(), {}, out);
    throw;
  }
}

}  // namespace pgkeep::server
