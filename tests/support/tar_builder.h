#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace pgkeep::test {

/// Builds tar headers as PostgreSQL writes them; tests then spoil them.
class TarHeader {
 public:
  TarHeader(char type, std::string_view name, std::uint64_t size) {
    put(0, name);
    put(100, "0000600 ");
    put(108, "0001750 ");
    put(116, "0001750 ");
    put(124, fmt::format("{:011o} ", size));
    put(136, "14750000000 ");
    put(156, std::string_view(&type, 1));
    put(257, std::string_view("ustar\00000", 8));
    put(265, "postgres");
    put(297, "postgres");
  }
  TarHeader& put(std::size_t offset, std::string_view bytes) {
    std::ranges::copy(bytes, block_.begin() + static_cast<std::ptrdiff_t>(offset));
    return *this;
  }
  /// The block with its checksum.
  std::string block() const {
    auto block = block_;
    block.replace(148, 8, 8, ' ');
    unsigned sum = 0;
    for (const char c : block) sum += static_cast<unsigned char>(c);
    return block.replace(148, 8, fmt::format("{:06o}", sum) + std::string("\0 ", 2));
  }

 private:
  std::string block_ = std::string(512, '\0');
};

inline std::string tar_file(std::string_view name, std::string_view content) {
  return TarHeader('0', name, content.size()).block() + std::string(content) +
         std::string((512 - content.size() % 512) % 512, '\0');
}

inline std::string tar_directory(std::string_view name) {
  return TarHeader('5', name, 0).put(100, "0000700 ").block();
}

}  // namespace pgkeep::test
