#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <nlohmann/json_fwd.hpp>

#include "catalog/io/bytes.h"
#include "catalog/io/file.h"

namespace pgkeep::io {

// Small files that are one JSON object, and the lines of journals, carry a checksum of their own: the last
// member of the object is
//
//     "crc32c":"<8 hexadecimal digits>"
//
// the CRC-32C of all bytes before the comma that precedes it, which is the last comma of the text. It follows
// that comma without a space, or on a line of its own, indented by two, with a space after its colon. A
// newline may end the text.

/// `object`: as dump() or dump(2) gave it, with one member at least.
std::string seal_json(std::string object);

/// Whether the text ends with its checksum, and it fits: what is sealed is what was written.
bool is_sealed(std::string_view text);
/// Whether a text on one line is what a crash left of a sealed one, which it cut anywhere, also within its
/// checksum; and not one that was changed, which ends as a sealed one does, or is whole.
bool is_cut(std::string_view text);

/// Throws Corruption that says what is wrong: the checksum is missing or does not fit, or it is no JSON.
nlohmann::json parse_sealed_json(std::string_view text);

/// Durable when it returns, as by write_file_durably(). A text that is no UTF-8 has marks in it then.
void write_sealed_json(const std::filesystem::path& path, const nlohmann::ordered_json& object);

/// Calls `use` with the sealed object. What is wrong with it, and what `use` throws because of it
/// (nlohmann::json::exception, std::invalid_argument, Error), becomes a Corruption: "PLACE: what is wrong;
/// WAY OUT". Only Refused leaves as it is.
void use_sealed_json(std::string_view place, std::string_view text, std::string_view way_out,
                     const std::function<void(const nlohmann::json&)>& use);

/// The value that `parse` makes of the sealed object in `text`, with the errors of use_sealed_json().
template <typename Parse>
auto from_sealed_json(std::string_view place, std::string_view text, std::string_view way_out,
                      Parse&& parse) {
  std::optional<std::invoke_result_t<Parse, const nlohmann::json&>> value;
  use_sealed_json(place, text, way_out, [&](const nlohmann::json& object) { value.emplace(parse(object)); });
  return *std::move(value);
}

/// The same of a file of at most `max_bytes`; nothing when there is none. Throws StorageError, too.
template <typename Parse>
auto read_sealed_json(const std::filesystem::path& path, std::uint64_t max_bytes, std::string_view way_out,
                      Parse&& parse) {
  std::optional<std::invoke_result_t<Parse, const nlohmann::json&>> value;
  if (const auto content = read_file_if_exists(path, max_bytes))
    value = from_sealed_json(path.native(), as_text(*content), way_out, std::forward<Parse>(parse));
  return value;
}

}  // namespace pgkeep::io
