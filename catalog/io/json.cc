#include "catalog/io/json.h"

#include <fmt/format.h>

#include "catalog/io/shown_text.h"

namespace pgkeep::io {
namespace {

constexpr std::size_t kLongestReason = 200;

}  // namespace

nlohmann::json parse_json(std::string_view text) {
  using Json = nlohmann::json;
  return Json::parse(text, [](int depth, Json::parse_event_t /*event*/, Json& /*parsed*/) {
    if (depth < kDeepestJson) return true;  // the outermost has 0
    throw Json::other_error::create(502, fmt::format("nested deeper than {}", kDeepestJson), nullptr);
  });
}

void refuse_number() {
  throw nlohmann::json::out_of_range::create(406, "a number that cannot be", nullptr);
}

void refuse_text(std::string_view text) {
  throw nlohmann::json::other_error::create(
      502, fmt::format("'{}' cannot be understood", cut_text(text, kLongestReason / 2)), nullptr);
}

std::string why_no_json(const nlohmann::json::exception& error) {
  std::string_view reason = error.what();
  reason = reason.substr(0, reason.find("; last read:"));
  return without_controls(cut_text(reason, kLongestReason));
}

}  // namespace pgkeep::io
