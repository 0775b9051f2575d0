#include <string>

#include <fmt/format.h>

#include "catalog/io/shown_text.h"
#include "catalog/postgres/backup_manifest.h"

namespace pgkeep::postgres {

namespace {

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const auto length = io::utf8_length(text);
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
