#include "catalog/retention/retention_marks.h"

#include <stdexcept>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/io/json.h"
#include "catalog/io/lock.h"

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
  return {{"at", mark.at}, {"until", mark.until}, {"why", mark.why}};
}

KeepMark keep_from(const nlohmann::json& json) {
  KeepMark mark;
  io::read_item(json, "at", mark.at);
  io::read_item(json, "until", mark.until);
  io::read_item(json, "why", mark.why);
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

std::string format(const RetentionMarks& marks) {
  const Json json{{"format", kFormat},
                  {"expired", marks.expired ? expired_json(*marks.expired) : Json()},
                  {"keep", marks.keep ? keep_json(*marks.keep) : Json()},
                  {"damaged", marks.damaged ? damage_json(*marks.damaged) : Json()},
                  {"note", marks.note},
                  {"name", marks.name}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
}

RetentionMarks parse(std::string_view text) {
  const auto json = io::parse_json(text);
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
  const auto path = layout.retention_marks(id);
  const auto content = io::read_file_if_exists(path, kMaxBytes);
  if (!content) return {};
  const auto refuse = [&](std::string_view why) {
    return Corruption(
        fmt::format("{}: cannot be understood: {}; it tells whether the backup has expired or is to be "
                    "kept. Until it is removed, or brought back from another copy of the repository, "
                    "the backup stays",
                    path.native(), why));
  };
  try {
    return parse(io::as_text(*content));
  } catch (const Json::exception& error) {
    throw refuse(io::why_no_json(error));
  } catch (const std::invalid_argument& error) {
    throw refuse(error.what());
  }
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
    io::write_file_durably(path, io::as_bytes(format(marks)));
  } else if (io::remove_file(path)) {
    io::sync_directory(path.parent_path());
  }
  return marks;
}

}  // namespace pgkeep::catalog
