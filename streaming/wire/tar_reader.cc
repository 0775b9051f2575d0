#include "streaming/wire/tar_reader.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <optional>

#include <fmt/format.h>

#include "catalog/io/error.h"

namespace pgkeep::streaming {
namespace {

constexpr std::size_t kBlockBytes = 512;

/// A field of the header block (POSIX.1-1988 ustar).
struct Field {
  const char* name;
  std::size_t offset;
  std::size_t size;
};
constexpr Field kName{"name", 0, 100};
constexpr Field kMode{"mode", 100, 8};
constexpr Field kSize{"size", 124, 12};
constexpr Field kModified{"mtime", 136, 12};
constexpr Field kChecksum{"checksum", 148, 8};
constexpr Field kType{"type", 156, 1};
constexpr Field kMagic{"magic", 257, 8};
constexpr Field kPrefix{"prefix", 345, 155};
constexpr std::string_view kUstar{"ustar\00000", 8};

using Header = std::array<std::byte, kBlockBytes>;

io::ByteView bytes_of(const Header& header, Field field) {
  return io::ByteView(header).subspan(field.offset, field.size);
}

/// Up to the first zero byte, which a full field does without.
std::string_view text_of(const Header& header, Field field) {
  const auto text = io::as_text(bytes_of(header, field));
  return text.substr(0, text.find('\0'));
}

[[noreturn]] void refuse(const Header& header, const std::string& why) {
  throw ProtocolError(
      fmt::format("the tar stream of the base backup has a member \"{}\": {}; the backup was given up",
                  text_of(header, kName), why));
}

/// 0x80 and then the number in big-endian bytes: for what does not fit into the octal digits.
std::optional<std::uint64_t> parse_base_256(io::ByteView field) {
  const auto number = field.last(sizeof(std::uint64_t));
  if (field[0] != std::byte{0x80} || !io::all_zero(field.subspan(1, field.size() - 1 - number.size()))) {
    return std::nullopt;
  }
  return io::load_be<std::uint64_t>(number.data());
}

/// Octal digits, ended by a blank, a zero byte or the field.
std::optional<std::uint64_t> parse_octal(io::ByteView field) {
  auto text = io::as_text(field);
  const auto end = text.find_first_of(std::string_view(" \0", 2));
  text = text.substr(0, end);
  if (text.empty()) return std::nullopt;
  std::uint64_t value = 0;  // twelve digits of three bits always fit
  for (const char c : text) {
    if (c < '0' || c > '7') return std::nullopt;
    value = value * 8 + static_cast<std::uint64_t>(c - '0');
  }
  return value;
}

std::uint64_t number_of(const Header& header, Field field) {
  const auto bytes = bytes_of(header, field);
  const bool base_256 = field.size > sizeof(std::uint64_t) && (bytes[0] & std::byte{0x80}) != std::byte{0};
  const auto value = base_256 ? parse_base_256(bytes) : parse_octal(bytes);
  if (!value) refuse(header, fmt::format("the {} in its header is no number", field.name));
  return *value;
}

void check_sum(const Header& header) {
  const auto sum_of = [](io::ByteView bytes) {
    return std::accumulate(bytes.begin(), bytes.end(), std::uint64_t{0}, [](std::uint64_t sum, std::byte b) {
      return sum + static_cast<std::uint64_t>(b);
    });
  };
  // The checksum's own field counts as blanks.
  const auto sum = sum_of(header) - sum_of(bytes_of(header, kChecksum)) + kChecksum.size * std::uint64_t{' '};
  const auto expected = number_of(header, kChecksum);
  if (sum != expected) {
    refuse(header, fmt::format("the checksum of its header is {}, not {}", sum, expected));
  }
}

TarEntry::Type type_of(const Header& header) {
  const char type = text_of(header, kType).empty() ? '\0' : text_of(header, kType)[0];
  if (type == '0') return TarEntry::Type::file;
  if (type == '5') return TarEntry::Type::directory;
  if (type == '1' || type == '2')
    refuse(header, "it is a link, which no base backup with TABLESPACE_MAP has");
  refuse(header, fmt::format("its type is 0x{:02x}; base backups have only files and directories",
                             static_cast<unsigned>(static_cast<unsigned char>(type))));
}

bool is_safe_component(std::string_view component) {
  return !component.empty() && component != "." && component != "..";
}

/// Some names come with a leading "./"; those of directories end in '/'.
std::string path_of(const Header& header, TarEntry::Type type) {
  auto name = text_of(header, kName);
  const bool directory = type == TarEntry::Type::directory;
  if (directory && (name == "./" || name == ".")) return {};
  if (name.starts_with("./")) name.remove_prefix(2);
  if (directory && name.ends_with('/')) name.remove_suffix(1);
  for (auto rest = name;;) {
    const auto slash = rest.find('/');
    if (!is_safe_component(rest.substr(0, slash))) {
      refuse(header, "its name does not stay below the data directory, or is none");
    }
    if (slash == std::string_view::npos) return std::string(name);
    rest.remove_prefix(slash + 1);
  }
}

TarEntry parse_entry(const Header& header) {
  check_sum(header);
  if (io::as_text(bytes_of(header, kMagic)) != kUstar)
    refuse(header, "its header is not of the ustar format");
  // A prefix would go before the name; PostgreSQL never writes one.
  if (!io::all_zero(bytes_of(header, kPrefix))) refuse(header, "its header has a name prefix");

  TarEntry entry;
  entry.type = type_of(header);
  entry.path = path_of(header, entry.type);
  entry.size = number_of(header, kSize);
  if (entry.size > std::uint64_t{std::numeric_limits<std::int64_t>::max()})
    refuse(header, "its size cannot be");
  if (entry.type == TarEntry::Type::directory && entry.size != 0) refuse(header, "a directory with a size");
  const auto mode = number_of(header, kMode);
  if (mode > 07777) refuse(header, fmt::format("its mode is {:o}", mode));
  entry.mode = static_cast<std::uint32_t>(mode);
  entry.modified = static_cast<std::int64_t>(number_of(header, kModified));
  return entry;
}

}  // namespace

void TarReader::feed(io::ByteView bytes) {
  const auto take = [&bytes](std::uint64_t at_most) {
    const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(at_most, bytes.size()));
    const auto taken = bytes.first(n);
    bytes = bytes.subspan(n);
    return taken;
  };
  while (!bytes.empty()) {
    if (body_left_ > 0) {
      const auto body = take(body_left_);
      body_left_ -= body.size();
      sink_->data(body);
      if (body_left_ == 0) sink_->end_of_file();
    } else if (padding_left_ > 0) {
      padding_left_ -= take(padding_left_).size();
    } else {
      const auto part = take(header_.size() - header_filled_);
      std::ranges::copy(part, header_.begin() + static_cast<std::ptrdiff_t>(header_filled_));
      header_filled_ += part.size();
      if (header_filled_ == header_.size()) parse_header();
    }
  }
}

void TarReader::parse_header() {
  header_filled_ = 0;
  if (io::all_zero(header_)) {
    trailer_ = true;
    return;
  }
  if (trailer_)
    throw ProtocolError("the tar stream of the base backup continues after its end; the backup was given up");

  const auto entry = parse_entry(header_);
  body_left_ = entry.size;
  padding_left_ = (kBlockBytes - entry.size % kBlockBytes) % kBlockBytes;
  sink_->entry(entry);
  if (entry.type == TarEntry::Type::file && entry.size == 0) sink_->end_of_file();
}

void TarReader::finish() {
  if (body_left_ > 0 || padding_left_ > 0 || header_filled_ > 0) {
    throw ProtocolError(
        fmt::format("the tar stream of the base backup ends inside a member ({} bytes of it missing); "
                    "the backup was given up",
                    body_left_ + padding_left_ + (header_filled_ > 0 ? header_.size() - header_filled_ : 0)));
  }
}

}  // namespace pgkeep::streaming
