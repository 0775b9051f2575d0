#include "server/fleet/marked_backup.h"

#include <fmt/format.h>

#include "catalog/io/json.h"
#include "catalog/store/backup_lease.h"
#include "catalog/store/json.h"
#include "server/fleet/backup_choice.h"
#include "server/fleet/recorded_run.h"
#include "server/fleet/stored_records.h"

namespace pgkeep::server {

MarkedBackup change_marks(const ServerConfig& server, const store::ServerLayout& layout,
                          const std::string& command, const std::string& backup, Output& out,
                          const std::function<void(catalog::RetentionMarks&)>& change) {
  const auto backups = StoredRecords(server, layout, out).backups();
  MarkedBackup marked{choose_backup(backups, backup, server.name, lookup_in_files(layout)).id, {}};
  record_run(layout, command, marked.id.to_string(), out, [&] {
    const store::BackupLease stays(layout, marked.id);
    marked.marks = catalog::change_retention_marks(layout, marked.id, change);
    return marks_json(marked.marks, server.retention.grace);
  });
  auto json = marks_json(marked.marks, server.retention.grace);
  json["server"] = server.name;
  json["id"] = marked.id;
  out.data(std::move(json));
  return marked;
}

std::string marks_remark(const catalog::RetentionMarks& marks, std::chrono::milliseconds grace) {
  std::string text;
  const auto add = [&](const std::string& remark) { text += (text.empty() ? "" : "; ") + remark; };
  if (!marks.name.empty()) add("name " + marks.name);
  if (const auto& mark = marks.expired) {
    // What was deleted says so itself, with the reason.
    add(fmt::format("{}, goes from {} on",
                    mark->by == catalog::ExpiryMark::By::operator_ ? mark->why : "expired",
                    io::format_time(mark->at + grace)));
  }
  if (marks.keep) {
    add(fmt::format("kept{}{}{}", marks.keep->standalone ? " standalone" : "",
                    marks.keep->until ? " until " + io::format_time(*marks.keep->until) : "",
                    marks.keep->why.empty() ? "" : ": " + marks.keep->why));
  }
  if (marks.damaged) add("DAMAGED");
  if (!marks.note.empty()) add(marks.note);
  return text;
}

ShownMarks::ShownMarks(const store::ServerLayout& layout, Output& out)
    : layout_(layout), out_(&out), damaged_(catalog::damaged_backups(layout)) {}

catalog::RetentionMarks ShownMarks::of(const store::BackupId& id) const {
  catalog::RetentionMarks marks;
  try {
    marks = catalog::read_retention_marks(layout_, id);
  } catch (const Error& error) {
    out_->warning(error.what());
  }
  const auto known = damaged_.find(id);
  if (!marks.damaged && known != damaged_.end()) marks.damaged = {known->second.since, known->second.what};
  return marks;
}

Json marks_json(const catalog::RetentionMarks& marks, std::chrono::milliseconds grace) {
  Json json{{"expired", nullptr},
            {"keep", nullptr},
            {"damaged", nullptr},
            {"note", marks.note},
            {"name", text_or_null(marks.name)}};
  if (const auto& expired = marks.expired) {
    json["expired"] = {{"by", expired->by == catalog::ExpiryMark::By::policy ? "policy" : "operator"},
                       {"at", expired->at},
                       {"goes_at", expired->at + grace},
                       {"why", expired->why}};
  }
  if (const auto& keep = marks.keep)
    json["keep"] = {
        {"at", keep->at}, {"until", keep->until}, {"why", keep->why}, {"standalone", keep->standalone}};
  if (const auto& damaged = marks.damaged) json["damaged"] = {{"at", damaged->at}, {"why", damaged->why}};
  return json;
}

}  // namespace pgkeep::server
