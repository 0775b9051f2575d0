#include "server/cli/adopt_wal.h"

#include <fmt/format.h>

#include "catalog/io/lock.h"
#include "catalog/server_catalog.h"
#include "catalog/stream_state.h"
#include "catalog/wal_adoption.h"
#include "catalog/wal_continuity.h"
#include "server/fleet.h"
#include "server/recorded_run.h"

namespace pgkeep::server {
namespace {

using catalog::WalAdoption;

/// What is taken while it is received could differ from what comes.
void require_no_stream(const ServerConfig& server, const store::ServerLayout& layout) {
  const auto stream = catalog::read_stream_state(layout);
  if (!stream || stream->phase != catalog::StreamPhase::streaming ||
      !io::FileLock::holder(layout.receiver_lock()))
    return;
  throw Busy(
      fmt::format("WAL of {} is being received from {}, which brings what waits itself, and compares it; "
                  "nothing was taken",
                  server.name, stream->peer));
}

std::optional<postgres::WalSegment> last_wanted(const Arguments& arguments,
                                                const catalog::WalArchive& archive) {
  const auto name = arguments.value("NAME");
  if (!name) return std::nullopt;
  const auto segment = postgres::WalSegment::parse(*name, archive.identity().wal_segment_size);
  if (!segment) throw UsageError(fmt::format("'{}' is no name of a WAL segment of this server", *name));
  return segment;
}

WalAdoption::Offer find_offer(const ServerConfig& server, const catalog::WalArchive& archive,
                              const WalAdoption& adoption, const std::optional<postgres::WalSegment>& last) {
  const auto newest = catalog::newest_timeline(archive.inventory());
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

std::string describe(const WalAdoption::Offer& offer, postgres::WalSegmentSize size) {
  return fmt::format("{}, {} to {}", counted(offer.segments.size(), "segment"),
                     offer.segments.front().segment.name(size), offer.segments.back().segment.name(size));
}

Json take(const ServerConfig& server, catalog::WalArchive& archive, WalAdoption& adoption,
          const WalAdoption::Offer& offer, Output& out) {
  catalog::EventJournal journal(archive.layout());
  const auto taken = adoption.take(offer,
                                   "an operator decided so (`pgkeep adopt-wal`); its records continue what "
                                   "was held, and nothing shows that "
                                   "the server itself wrote it",
                                   [&journal](const catalog::Event& event) { journal.append(event); });
  try {
    auto index = open_catalog(server, archive.layout(), out);
    for (const auto& header : taken) index.add_segment(catalog::describe_segment(archive.layout(), header));
  } catch (const Error& error) {
    out.warning(fmt::format("the index was not updated; run `pgkeep rebuild-catalog {}`: {}", server.name,
                            error.what()));
  }
  return {{"segments", taken.size()}};
}

}  // namespace

Exit run_adopt_wal(const Invocation& invocation) {
  auto& out = invocation.out;
  const auto& arguments = invocation.arguments;
  const Fleet fleet(invocation.config_file, Fleet::Access::open);
  const auto& server = fleet.server(arguments.required("SERVER"));
  auto archive = open_archive(server, fleet.layout(server));
  const auto size = archive.identity().wal_segment_size;
  WalAdoption adoption(archive);
  const auto offer = find_offer(server, archive, adoption, last_wanted(arguments, archive));
  const bool only_look = arguments.has("--dry-run");
  auto names = Json::array();
  for (const auto& waiting : offer.segments) names.push_back(waiting.copy.id());
  if (!only_look) {
    require_no_stream(server, archive.layout());
    record_run(archive.layout(), "adopt-wal", describe(offer, size), out,
               [&] { return take(server, archive, adoption, offer, out); });
  }
  out.report(fmt::format("{}: {} {} into the archive", server.name, describe(offer, size),
                         only_look ? "would be taken" : "taken"));
  out.note(
      "their records continue what was held; nothing shows that the server itself wrote them, and not a copy "
      "of "
      "it");
  if (!offer.ends_because.empty()) out.note(fmt::format("more waits: {}", offer.ends_because));
  out.data({{"server", server.name},
            {"taken", !only_look},
            {"segments", std::move(names)},
            {"left", offer.ends_because.empty() ? Json() : Json(offer.ends_because)}});
  return Exit::ok;
}

}  // namespace pgkeep::server
