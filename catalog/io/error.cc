#include "catalog/io/error.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "catalog/io/permission.h"

namespace pgkeep {
namespace {

bool is_out_of_space(int cause) {
  return cause == ENOSPC || cause == EDQUOT;
}

bool is_denial(int cause) {
  return cause == EACCES || cause == EPERM;
}

std::string way_out(int cause, const std::filesystem::path& path) {
  if (is_out_of_space(cause)) return "; free space there and try again";
  // The kernel's own words for a link that is not followed speak of too many levels.
  if (cause == ELOOP)
    return "; a symbolic link stands in this path, and pgkeep follows none here: "
           "put what it points to in its place";
  if (is_denial(cause)) {
    if (const auto why = why_denied(path); !why.empty()) return fmt::format(" ({})", why);
  }
  return "";
}

std::string storage_message(int cause, const std::filesystem::path& path, std::string_view what) {
  // strerror() may share its buffer between threads; the category's message() does not.
  return fmt::format("{}: cannot {}: {}{}", path.native(), what, std::generic_category().message(cause),
                     way_out(cause, path));
}

}  // namespace

bool ServerError::retryable() const noexcept {
  constexpr std::array<std::string_view, 5> kPassing{
      "53300",  // too many connections
      "55006",  // object in use: the slot's old walsender has not noticed yet that we are gone
      "57P01",  // the server shuts down
      "57P02",  // another backend crashed
      "57P03",  // the server starts up
  };
  return sqlstate_.starts_with("08") || std::ranges::find(kPassing, sqlstate_) != kPassing.end();
}

StorageError::StorageError(int cause, std::filesystem::path path, std::string_view what)
    : Error(storage_message(cause, path, what)), cause_(cause), path_(std::move(path)) {}

bool is_denied(const Error& error) noexcept {
  const auto* storage = dynamic_cast<const StorageError*>(&error);
  return storage != nullptr && is_denial(storage->cause());
}

bool is_damage(const Error& error) noexcept {
  if (dynamic_cast<const Corruption*>(&error) != nullptr) return true;
  // EBADMSG and EUCLEAN: the checksums of a file system.
  constexpr std::array kCauses{EIO, EBADMSG, EUCLEAN, EISDIR, ELOOP};
  const auto* storage = dynamic_cast<const StorageError*>(&error);
  return storage != nullptr && std::ranges::find(kCauses, storage->cause()) != kCauses.end();
}

bool StorageError::out_of_space() const noexcept {
  return is_out_of_space(cause_);
}

}  // namespace pgkeep
