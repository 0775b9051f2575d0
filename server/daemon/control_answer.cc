#include "server/daemon/control_answer.h"

#include <nlohmann/json.hpp>

#include "catalog/io/error.h"
#include "server/health/report_json.h"

namespace pgkeep::server {

std::string answer_control(const std::string& request, const ControlQuestions& questions) {
  nlohmann::json answer;
  try {
    const auto json = nlohmann::json::parse(request, nullptr, false);
    const auto what = json.is_object() ? json.value("do", "") : "";
    if (what == "report") {
      answer["report"] = to_json(questions.report());
    } else if (what == "reload") {
      answer["reload"] = to_json(questions.reload());
    } else {
      answer["error"] = "the request cannot be understood; is this pgkeep of another version?";
    }
  } catch (const std::exception& failure) {
    answer = {{"error", failure.what()}, {"usage", dynamic_cast<const UsageError*>(&failure) != nullptr}};
  }
  return answer.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace pgkeep::server
