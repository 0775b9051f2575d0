#include "server/cli/adopt_wal.h"

#include <algorithm>
#include <exception>
#include <iterator>
#include <map>

#include <fmt/format.h>

#include "catalog/io/lock.h"
#include "catalog/records/stream_state.h"
#include "catalog/wal/wal_adoption.h"
#include "catalog/wal/wal_replacement.h"
#include "server/fleet/fleet.h"
#include "server/fleet/recorded_run.h"

namespace pgkeep::server {
namespace {

using catalog::WalAdoption;

using catalog::WalReplacement;

/// What is to be done, and is shown before.
struct Plan {
  WalReplacement::Offer replacements;  // of damaged segments
  WalAdoption::Offer adoption;         // of WAL that is not in the archive
};

/// What was done.
struct Done {
  std::vector<postgres::WalSegment> replaced;
  std::vector<postgres::WalSegment> taken;
  std::vector<std::string> troubles;
  bool is_empty() const { return replaced.empty() && taken.empty(); }
};

/// Nothing when no stream runs, which brings what is not archived itself, and compares it: what is taken
/// meanwhile could differ from what comes.
std::optional<std::string> why_stream_has_it(const ServerConfig& server, const store::ServerLayout& layout) {
  const auto stream = catalog::read_stream_state(layout);
  if (!stream || stream->phase != catalog::StreamPhase::streaming ||
      !io::FileLock::holder(layout.receiver_lock()))
    return std::nullopt;
  return fmt::format(
      "WAL of {} is being received from {}, which brings what waits itself, and compares it; "
      "nothing was taken",
      server.name, stream->peer);
}

std::optional<postgres::WalSegment> last_wanted(const std::optional<std::string>& name,
                                                const catalog::WalArchive& archive) {
  if (!name) return std::nullopt;
  const auto segment = postgres::WalSegment::parse(*name, archive.identity().wal_segment_size);
  if (!segment) throw UsageError(fmt::format("'{}' is no name of a WAL segment of this server", *name));
  return segment;
}

WalAdoption::Offer find_offer(const ServerConfig& server, const catalog::WalArchive& archive,
                              const WalAdoption& adoption, const std::optional<postgres::WalSegment>& last) {
  const auto newest = archive.inventory().newest_timeline();
  if (!newest) {
    throw Refused(
        fmt::format("{}: no WAL is held that could be continued; take a backup first", server.name));
  }
  auto offer = adoption.offer(last ? last->timeline : *newest, last);
  const auto why = offer.ends_because.empty() ? std::string("nothing waits there") : offer.ends_because;
  if (offer.segments.empty())
    throw Refused(fmt::format("{}: nothing that waits can be taken: {}", server.name, why));
  if (last && offer.segments.back().segment != *last) {
    throw Refused(fmt::format("{}: cannot be taken: {}. `pgkeep pushed-wal {}` lists what waits",
                              last->name(archive.identity().wal_segment_size), why, server.name));
  }
  return offer;
}

/// The named segment is archived: it is only for its damage that another may take its place.
void require_replacement(const ServerConfig& server, const WalReplacement::Offer& offer,
                         const std::string& name) {
  if (!offer.segments.empty()) return;
  if (!offer.why_not.empty())
    throw Refused(fmt::format("{}: is damaged, but stays: {}", name, offer.why_not.front()));
  throw Refused(
      fmt::format("{}: is archived, and nothing was changed: "
                  "it is not damaged, or no copy of it waits (`pgkeep verify-wal {}`, "
                  "`pgkeep pushed-wal {}`)",
                  name, server.name, server.name));
}

Plan make_plan(const ServerConfig& server, catalog::WalArchive& archive,
               const std::optional<postgres::WalSegment>& last, bool only_look) {
  Plan plan{WalReplacement(archive).offer(last), {}};
  if (last && archive.has(*last)) {
    require_replacement(server, plan.replacements, last->name(archive.identity().wal_segment_size));
    return plan;
  }
  const auto is_archived = [&](const catalog::WaitingSegment& one) { return archive.has(one.segment); };
  const bool only_damaged_wait = std::ranges::all_of(catalog::WaitingWal(archive).list(), is_archived);
  if (!plan.replacements.segments.empty() && only_damaged_wait) return plan;
  try {
    plan.adoption = find_offer(server, archive, WalAdoption(archive), last);
    if (const auto busy = only_look ? std::nullopt : why_stream_has_it(server, archive.layout()))
      throw Busy(*busy);
  } catch (const Error& error) {
    if (plan.replacements.segments.empty()) throw;
    plan.adoption = {{}, error.what()};
  }
  return plan;
}

std::string describe(const std::vector<postgres::WalSegment>& segments, postgres::WalSegmentSize size) {
  return fmt::format("{}, {} to {}", counted(segments.size(), "segment"), segments.front().name(size),
                     segments.back().name(size));
}

/// What a plan would do.
Done promised(const Plan& plan) {
  Done done;
  for (const auto& one : plan.replacements.segments) done.replaced.push_back(one.waiting.segment);
  for (const auto& one : plan.adoption.segments) done.taken.push_back(one.segment);
  return done;
}

std::string subject_of(const Done& promised, postgres::WalSegmentSize size) {
  std::string subject;
  if (!promised.replaced.empty())
    subject = fmt::format("in the place of damaged ones: {}", describe(promised.replaced, size));
  if (!promised.taken.empty())
    subject += fmt::format("{}{}", subject.empty() ? "" : "; ", describe(promised.taken, size));
  return subject;
}

Done carry_out(const ServerConfig& server, catalog::WalArchive& archive, const Plan& plan, Output& out) {
  catalog::EventJournal journal(archive.layout());
  const auto record = [&journal](const catalog::Event& event) { journal.append(event); };
  const auto size = archive.identity().wal_segment_size;
  Done done;
  std::vector<catalog::SegmentFileHeader> headers;
  std::exception_ptr failure;
  const auto try_to = [&](const std::string& what, auto&& deed) {
    try {
      deed();
    } catch (const Error& error) {
      done.troubles.push_back(what + error.what());
      failure = std::current_exception();
    }
  };
  for (const auto& one : plan.replacements.segments) {
    try_to(one.waiting.segment.name(size) + ": ", [&] {
      headers.push_back(WalReplacement(archive).take(one, record));
      done.replaced.push_back(one.waiting.segment);
    });
  }
  if (!plan.adoption.segments.empty()) {
    try_to("", [&] {
      auto taken = WalAdoption(archive).take(
          plan.adoption,
          "an operator decided so (`pgkeep adopt-wal`); "
          "its records continue what was held, and nothing shows that the server itself wrote it",
          record);
      for (auto& header : taken.segments) done.taken.push_back(header.segment);
      std::ranges::move(taken.segments, std::back_inserter(headers));
      std::ranges::move(taken.troubles, std::back_inserter(done.troubles));
    });
  }
  index_segments(server, archive.layout(), headers, out);
  if (done.is_empty() && failure) std::rethrow_exception(failure);
  return done;
}

/// Those of the copies that were chosen.
Json ids_of(const std::vector<postgres::WalSegment>& segments, const Plan& plan) {
  std::map<postgres::WalSegment, std::string> chosen;
  for (const auto& one : plan.replacements.segments) chosen[one.waiting.segment] = one.waiting.copy.id();
  for (const auto& one : plan.adoption.segments) chosen[one.segment] = one.copy.id();
  auto ids = Json::array();
  for (const auto& segment : segments) ids.push_back(chosen.at(segment));
  return ids;
}

void say(const ServerConfig& server, const Done& done, postgres::WalSegmentSize size, bool only_look,
         Output& out) {
  if (!done.replaced.empty()) {
    out.report(fmt::format("{}: {} {} the place of damaged ones, which {} kept beside them", server.name,
                           describe(done.replaced, size), only_look ? "would take" : "took",
                           only_look ? "would be" : "are"));
  }
  if (!done.taken.empty()) {
    out.report(fmt::format("{}: {} {} into the archive", server.name, describe(done.taken, size),
                           only_look ? "would be taken" : "taken"));
  }
  out.note(
      "their records continue what was held; nothing shows that the server itself wrote them, "
      "and not a copy of it");
}

}  // namespace

Exit run_adopt_wal(const AdoptWalArguments& arguments, const Invocation& invocation) {
  auto& out = invocation.out;
  const Fleet fleet(invocation.config_file, Fleet::Access::open);
  const auto& server = fleet.server(arguments.server);
  auto archive = open_archive(server, fleet.layout(server));
  const auto size = archive.identity().wal_segment_size;
  const auto plan = make_plan(server, archive, last_wanted(arguments.name, archive), arguments.dry_run);
  auto done = promised(plan);
  if (!arguments.dry_run) {
    record_run(archive.layout(), "adopt-wal", subject_of(done, size), out, [&] {
      done = carry_out(server, archive, plan, out);
      return Json{{"segments", done.taken.size()}, {"replaced", done.replaced.size()}};
    });
  }
  say(server, done, size, arguments.dry_run, out);
  for (const auto& why : plan.replacements.why_not)
    out.note(fmt::format("a damaged segment stays where it is: {}", why));
  if (!plan.adoption.ends_because.empty())
    out.note(fmt::format("more waits: {}", plan.adoption.ends_because));
  for (const auto& trouble : done.troubles) out.failure(fmt::format("{}: {}", server.name, trouble));
  out.data({{"server", server.name},
            {"taken", !arguments.dry_run},
            {"segments", ids_of(done.taken, plan)},
            {"replaced", ids_of(done.replaced, plan)},
            {"left", text_or_null(plan.adoption.ends_because)}});
  return done.troubles.empty() ? Exit::ok : Exit::partly;
}

}  // namespace pgkeep::server
