#include "server/health/finding_json.h"

#include <algorithm>

#include "catalog/io/json.h"

namespace pgkeep::server {

Json checks_json(const std::vector<Finding>& findings) {
  return json_list(findings, [](const Finding& finding) {
    return Json{{"name", finding.key},
                {"result", to_string(finding.severity)},
                {"severity", name_of(finding.severity)},
                {"finding", finding.what},
                {"hint", finding.hint},
                {"since", finding.since}};
  });
}

Json check_json(const std::string& server, const std::vector<Finding>& findings) {
  const bool failed = std::ranges::any_of(
      findings, [](const Finding& finding) { return finding.severity == Severity::failed; });
  return {{"server", server}, {"ok", !failed}, {"checks", checks_json(findings)}};
}

}  // namespace pgkeep::server
