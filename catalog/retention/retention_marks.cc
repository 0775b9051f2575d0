#include "catalog/retention/retention_marks.h"

#include <stdexcept>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/io/json.h"
#include "catalog/io/lock.h"
#include "catalog/io/sealed_json.h"

namespace pgkeep::catalog {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kFormat = 1;
constexpr std::uint64_t kMaxBytes = 1u << 20;
constexpr std::string_view kByPolicy = "policy";
constexpr std::string_view kByOperator = "operator";

Json expired_json(const ExpiryMark& mark) {
  return {{"by", mark.by == ExpiryMark::By::policy ? kByPolicy : kByOperator},
          {"at", mark.at},
          {"why", mark.why}};
}

ExpiryMark expired_from(const nlohmann::json& json) {
  ExpiryMark mark;
  const auto& by = json.at("by").get_ref<const std::string&>();
  if (by != kByPolicy && by != kByOperator) io::refuse_text(by);
  mark.by = by == kByPolicy ? ExpiryMark::By::policy : ExpiryMark::By::operator_;
  io::read_item(json, "at", mark.at);
  io::read_item(json, "why", mark.why);
  return mark;
}

Json keep_json(const KeepMark& mark) {
  return {{"at", mark.at}, {"until", mark.until}, {"why", mark.why}, {"standalone", mark.standalone}};
}

KeepMark keep_from(const nlohmann::json& json) {
  KeepMark mark;
  io::read_item(json, "at", mark.at);
  io::read_item(json, "until", mark.until);
  io::read_item(json, "why", mark.why);
  if (json.contains("standalone")) io::read_item(json, "standalone", mark.standalone);
  return mark;
}

Json damage_json(const DamageMark& mark) {
  return {{"at", mark.at}, {"why", mark.why}};
}

DamageMark damage_from(const nlohmann::json& json) {
  DamageMark mark;
  io::read_item(json, "at", mark.at);
  io::read_item(json, "why", mark.why);
  return mark;
}

Json json_of(const RetentionMarks& marks) {
  return {{"format", kFormat},
          {"expired", marks.expired ? expired_json(*marks.expired) : Json()},
          {"keep", marks.keep ? keep_json(*marks.keep) : Json()},
          {"damaged", marks.damaged ? damage_json(*marks.damaged) : Json()},
          {"note", marks.note},
          {"name", marks.name}};
}

RetentionMarks parse(const nlohmann::json& json) {
  if (io::whole_number<int>(json.at("format")) != kFormat) throw std::invalid_argument("an unknown format");
  RetentionMarks marks;
  if (const auto& expired = json.at("expired"); !expired.is_null()) marks.expired = expired_from(expired);
  if (const auto& keep = json.at("keep"); !keep.is_null()) marks.keep = keep_from(keep);
  if (const auto& damaged = json.at("damaged"); !damaged.is_null()) marks.damaged = damage_from(damaged);
  io::read_item(json, "note", marks.note);
  io::read_item(json, "name", marks.name);
  return marks;
}

}  // namespace

RetentionMarks read_retention_marks(const store::ServerLayout& layout, const store::BackupId& id) {
  return io::read_sealed_json(
             layout.retention_marks(id), kMaxBytes,
             "it tells whether the backup has expired or is to be kept. Until it is "
             "removed, or brought back from another copy of the repository, the backup stays",
             parse)
      .value_or(RetentionMarks());
}

std::map<std::string, store::BackupId> read_backup_names(const store::ServerLayout& layout) {
  std::map<std::string, store::BackupId> names;
  for (const auto& entry : io::entries(layout.backups())) {
    const auto id = store::BackupId::parse(entry.path().filename().native());
    if (!id) continue;
    try {
      if (const auto marks = read_retention_marks(layout, *id); !marks.name.empty())
        names.emplace(marks.name, *id);
    } catch (const Error& error) {
      if (!is_damage(error) && !is_denied(error)) throw;
    }
  }
  return names;
}

RetentionMarks change_retention_marks(const store::ServerLayout& layout, const store::BackupId& id,
                                      const std::function<void(RetentionMarks&)>& change) {
  const auto lock = io::File::open_or_create(layout.marks_lock());
  io::lock_alone(lock);
  auto marks = read_retention_marks(layout, id);
  change(marks);
  const auto path = layout.retention_marks(id);
  if (marks != RetentionMarks()) {
    io::write_sealed_json(path, json_of(marks));
  } else if (io::remove_file(path)) {
    io::sync_directory(path.parent_path());
  }
  return marks;
}

}  // namespace pgkeep::catalog
