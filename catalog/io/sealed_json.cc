#include "catalog/io/sealed_json.h"

#include <stdexcept>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/io/hashing.h"
#include "catalog/io/json.h"

namespace pgkeep::io {
namespace {

/// What follows `body`: on one line, or as dump(2) would have it.
std::string seal_of(std::string_view body, bool on_lines) {
  const auto digits = fmt::format("{:08x}", crc32c(as_bytes(body)));
  return on_lines ? ",\n  \"crc32c\": \"" + digits + "\"\n}" : ",\"crc32c\":\"" + digits + "\"}";
}

/// Ends with a checksum, of which some bytes may have been changed.
bool ends_like_sealed(std::string_view text) {
  constexpr std::string_view kSeal = ",\"crc32c\":\"xxxxxxxx\"}";
  constexpr std::size_t kMostChanged = 2;
  if (text.rfind("\"crc32c\":\"") != text.npos) return true;
  if (text.size() < kSeal.size()) return false;
  text.remove_prefix(text.size() - kSeal.size());
  std::size_t changed = 0;
  for (std::size_t i = 0; i < kSeal.size(); ++i)
    if (kSeal[i] != 'x' && text[i] != kSeal[i]) ++changed;
  return changed <= kMostChanged;
}

/// Why the text is not sealed; nothing when it is.
std::string_view why_not_sealed(std::string_view text) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  const auto comma = text.rfind(',');
  const auto body = text.substr(0, comma);
  const auto seal = text.substr(body.size());
  if (seal.find("\"crc32c\"") == seal.npos) return "it has no checksum, so it was cut or changed";
  if (seal != seal_of(body, false) && seal != seal_of(body, true))
    return "its checksum does not fit, so it was damaged or changed";
  return {};
}

}  // namespace

std::string seal_json(std::string object) {
  object.pop_back();  // the brace
  const bool on_lines = object.ends_with('\n');
  if (on_lines) object.pop_back();
  return object + seal_of(object, on_lines);
}

bool is_sealed(std::string_view text) {
  return why_not_sealed(text).empty();
}

bool is_cut(std::string_view text) {
  if (is_sealed(text)) return false;
  const auto body = text.substr(0, text.rfind(','));
  const auto seal = text.substr(body.size());
  if (!seal.empty() && seal_of(body, false).starts_with(seal)) return true;
  if (ends_like_sealed(text)) return false;
  // What is cut may end with the brace of an object within it.
  return !text.ends_with('}') || !nlohmann::json::accept(text);
}

nlohmann::json parse_sealed_json(std::string_view text) {
  if (const auto why = why_not_sealed(text); !why.empty()) throw Corruption(std::string(why));
  try {
    return parse_json(text);
  } catch (const nlohmann::json::exception& error) {
    throw Corruption(why_no_json(error));
  }
}

void write_sealed_json(const std::filesystem::path& path, const nlohmann::ordered_json& object) {
  const auto text = object.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  write_file_durably(path, as_bytes(seal_json(text) + '\n'));
}

void use_sealed_json(std::string_view place, std::string_view text, std::string_view way_out,
                     const std::function<void(const nlohmann::json&)>& use) {
  const auto damage = [&](std::string_view why) {
    return Corruption(fmt::format("{}: {}{}{}", place, why, way_out.empty() ? "" : "; ", way_out));
  };
  try {
    use(parse_sealed_json(text));
  } catch (const Refused&) {
    throw;
  } catch (const nlohmann::json::exception& error) {
    throw damage(why_no_json(error));
  } catch (const std::invalid_argument& error) {
    throw damage(error.what());
  } catch (const Error& error) {
    throw damage(error.what());
  }
}

}  // namespace pgkeep::io
