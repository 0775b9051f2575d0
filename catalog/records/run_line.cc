#include "catalog/records/run_line.h"

#include "catalog/io/error.h"
#include "catalog/io/sealed_json.h"
#include "catalog/records/json.h"

namespace pgkeep::catalog {
namespace {

using Json = nlohmann::ordered_json;

Json messages_json(const std::vector<RunMessage>& messages) {
  auto json = Json::array();
  for (const auto& message : messages)
    json.push_back({{"at", message.at}, {"warning", message.warning}, {"text", message.text}});
  return json;
}

/// None in a line that was written before there were any.
std::vector<RunMessage> read_messages(const nlohmann::json& line) {
  std::vector<RunMessage> messages;
  const auto found = line.find("messages");
  if (found == line.end()) return messages;
  for (const auto& item : *found) {
    RunMessage message;
    io::read_item(item, "at", message.at);
    io::read_item(item, "warning", message.warning);
    io::read_item(item, "text", message.text);
    messages.push_back(std::move(message));
  }
  return messages;
}

}  // namespace

std::string to_line(const RunRecord& run) {
  const nlohmann::ordered_json line{
      {"id", run.id},
      {"kind", run.kind},
      {"subject", run.subject},
      {"started", run.started},
      {"ended", run.ended},
      {"outcome", run.outcome},
      {"error", run.error},
      {"details",
       run.details.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json::parse(run.details)},
      {"process", run.process},
      {"messages", messages_json(run.messages)}};
  // Messages may carry file names, and those may be any bytes.
  return io::seal_json(line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

std::optional<RunRecord> parse_run_line(std::string_view text) {
  try {
    const auto line = io::parse_sealed_json(text);
    RunRecord run;
    io::read_item(line, "id", run.id);
    io::read_item(line, "kind", run.kind);
    io::read_item(line, "subject", run.subject);
    io::read_item(line, "started", run.started);
    io::read_item(line, "ended", run.ended);
    io::read_item(line, "outcome", run.outcome);
    io::read_item(line, "error", run.error);
    if (!line.at("details").is_null()) run.details = line.at("details").dump();
    io::read_item(line, "process", run.process);
    run.messages = read_messages(line);
    return run;
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  } catch (const Corruption&) {
    return std::nullopt;
  }
}

}  // namespace pgkeep::catalog
