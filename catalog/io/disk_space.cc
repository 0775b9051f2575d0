#include "catalog/io/disk_space.h"

#include <cerrno>
#include <charconv>

#include <fmt/format.h>
#include <sys/statvfs.h>

#include "catalog/io/error.h"
#include "catalog/io/units.h"

namespace pgkeep::io {
namespace {

constexpr std::uint64_t kWhole = 100;

std::optional<std::uint64_t> parse_percent(std::string_view digits) {
  std::uint64_t percent = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), percent);
  if (error != std::errc{} || end != digits.data() + digits.size() || percent > kWhole) return std::nullopt;
  return percent;
}

}  // namespace

DiskSpace disk_space(const std::filesystem::path& directory) {
  struct statvfs status {};
  int result = 0;
  do result = ::statvfs(directory.c_str(), &status);
  while (result != 0 && errno == EINTR);
  if (result != 0) throw StorageError(errno, directory, "ask for the free space");
  const std::uint64_t block = status.f_frsize;
  return {.total = block * status.f_blocks, .free = block * status.f_bavail};
}

std::optional<Reserve> Reserve::parse(std::string_view text) {
  const bool is_share = text.ends_with('%');
  if (is_share) text.remove_suffix(1);
  const auto amount = is_share ? parse_percent(text) : parse_bytes(text);
  if (!amount) return std::nullopt;
  return Reserve{.amount = *amount, .is_share = is_share && *amount != 0};
}

std::string Reserve::text() const {
  if (amount == 0) return "0";
  return is_share ? fmt::format("{}%", amount) : format_bytes(amount);
}

std::uint64_t Reserve::bytes_of(const DiskSpace& disk) const {
  // In two parts, or a file system of exbibytes would overflow.
  return is_share ? disk.total / kWhole * amount + disk.total % kWhole * amount / kWhole : amount;
}

std::string describe(const Reserve& reserve, const DiskSpace& disk) {
  const auto bytes = format_bytes(reserve.bytes_of(disk));
  return reserve.is_share ? fmt::format("{} ({} of {})", bytes, reserve.text(), format_bytes(disk.total))
                          : bytes;
}

}  // namespace pgkeep::io
