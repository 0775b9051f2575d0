#include "server/cli/published_file.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/io/no_links.h"

namespace pgkeep::server {

std::filesystem::path place_to_publish(const std::filesystem::path& output) {
  std::error_code none;
  const auto status = std::filesystem::status(output, none);
  if (!std::filesystem::exists(status)) return io::real_place(output);
  if (!std::filesystem::is_regular_file(status))
    throw UsageError(
        fmt::format("--output: {} is no regular file; without --output it is printed", output.native()));
  return io::real_path(output);
}

void publish(const std::filesystem::path& place, const std::string& text) {
  const auto mask = ::umask(0);
  ::umask(mask);
  constexpr ::mode_t kReadable = 0644;
  io::write_file_durably(place, io::as_bytes(text), kReadable & ~mask);
}

}  // namespace pgkeep::server
