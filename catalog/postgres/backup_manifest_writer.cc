#include <string>

#include <fmt/format.h>

#include "catalog/postgres/backup_manifest.h"

namespace pgkeep::postgres {

namespace {

/// Bytes of the UTF-8 character that `text` begins with, 0 when it begins with none. As strict as
/// PostgreSQL's pg_utf8_islegal: no overlong forms, no surrogates, nothing past U+10FFFF.
std::size_t utf8_length(std::string_view text) {
  const auto at = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const auto first = at(0);
  if (first < 0x80) return 1;
  const std::size_t length = first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0;
  if (length == 0 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((at(i) & 0xC0u) != 0x80u) return 0;
  }
  const auto second = at(1);
  const bool overlong = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
  const bool surrogate = first == 0xED && second > 0x9F;
  const bool too_large = first == 0xF4 && second > 0x8F;
  return overlong || surrogate || too_large ? 0 : length;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const auto length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

/// A JSON string escaped as PostgreSQL's escape_json does.
std::string quote(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    switch (c) {
      case '\b':
        quoted += "\\b";
        break;
      case '\f':
        quoted += "\\f";
        break;
      case '\n':
        quoted += "\\n";
        break;
      case '\r':
        quoted += "\\r";
        break;
      case '\t':
        quoted += "\\t";
        break;
      case '"':
        quoted += "\\\"";
        break;
      case '\\':
        quoted += "\\\\";
        break;
      default:
        if (static_cast<std::uint8_t>(c) < 0x20) {
          quoted += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
        } else {
          quoted.push_back(c);
        }
    }
  }
  quoted.push_back('"');
  return quoted;
}

}  // namespace

std::string crc32c_checksum_text(std::uint32_t crc) {
  std::array<std::byte, sizeof crc> bytes;
  io::store_le(bytes.data(), crc);
  return io::to_hex(bytes);
}

ManifestWriter::ManifestWriter(io::ByteSink& out, int version, SystemIdentifier system) : out_(&out) {
  put(fmt::format("{{ \"PostgreSQL-Backup-Manifest-Version\": {},\n", version));
  if (version >= 2) put(fmt::format("\"System-Identifier\": {},\n", system.to_string()));
  put("\"Files\": [");
}

void ManifestWriter::file(const ManifestFile& file) {
  std::string entry = first_ ? "\n" : ",\n";
  first_ = false;
  if (is_utf8(file.path)) {
    entry += fmt::format("{{ \"Path\": {}, ", quote(file.path));
  } else {
    entry += fmt::format("{{ \"Encoded-Path\": \"{}\", ", io::to_hex(io::as_bytes(file.path)));
  }
  entry += fmt::format("\"Size\": {}, \"Last-Modified\": {}", file.size, quote(file.last_modified));
  if (!file.checksum_algorithm.empty()) {
    entry += fmt::format(", \"Checksum-Algorithm\": {}, \"Checksum\": {}", quote(file.checksum_algorithm),
                         quote(file.checksum));
  }
  entry += " }";
  put(entry);
}

void ManifestWriter::finish(const std::vector<ManifestWalRange>& ranges) {
  put("\n],\n\"WAL-Ranges\": [\n");
  std::string_view separator;
  for (const auto& range : ranges) {
    put(fmt::format("{}{{ \"Timeline\": {}, \"Start-LSN\": \"{}\", \"End-LSN\": \"{}\" }}", separator,
                    range.timeline.to_string(), range.start.to_string(), range.end.to_string()));
    separator = ",\n";
  }
  put("\n],\n");
  out_->write(io::as_bytes(fmt::format("\"Manifest-Checksum\": \"{}\"}}\n", io::to_hex(sha_.finish()))));
}

void ManifestWriter::put(std::string_view text) {
  sha_.update(io::as_bytes(text));
  out_->write(io::as_bytes(text));
}

}  // namespace pgkeep::postgres
