#include "catalog/store/repository.h"

#include <cerrno>
#include <unistd.h>

#include <fmt/format.h>
#include <sys/stat.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/io/json.h"
#include "catalog/io/lock.h"
#include "catalog/io/sealed_json.h"
#include "catalog/io/units.h"
#include "catalog/io/user.h"

namespace pgkeep::store {
namespace {

constexpr int kFormat = 2;
constexpr std::uint64_t kMaxRecordBytes = 64u << 10;

std::filesystem::path record_path(const std::filesystem::path& root) {
  return root / "repository.json";
}

void write_new(const std::filesystem::path& root) {
  Repository::Id id;
  io::DigestKey key;
  io::random_bytes(id);
  io::random_bytes(key);
  const nlohmann::ordered_json record{{"pgkeep_repository", kFormat},
                                      {"id", io::to_hex(id)},
                                      {"created", io::format_rfc3339(io::now())},
                                      {"digest_key", io::to_hex(key)}};
  io::write_sealed_json(record_path(root), record);
}

/// The user who may go there: the owner of the folder, or of the innermost one that can be asked.
uid_t owner_of(const std::filesystem::path& root) {
  struct stat status {};
  auto place = root;
  while (::stat(place.c_str(), &status) != 0 && place.has_relative_path()) place = place.parent_path();
  return status.st_uid;
}

/// In another user's repository the way out is to be that user, and not to be given the file.
[[noreturn]] void fail(int cause, const std::filesystem::path& path, const std::filesystem::path& root,
                       const std::string& what) {
  const auto owner = owner_of(root);
  if ((cause != EACCES && cause != EPERM) || owner == ::geteuid()) throw StorageError(cause, path, what);
  throw StorageError(cause, path, fmt::format("{}: run pgkeep as {}", what, io::user_name(owner)));
}

std::optional<io::ByteVector> read_record(const std::filesystem::path& root) {
  try {
    return io::read_file_if_exists(record_path(root), kMaxRecordBytes);
  } catch (const StorageError& error) {
    fail(error.cause(), error.path(), root, "open");
  }
}

int format_of(const nlohmann::json& record) {
  return io::whole_number<int>(record.at("pgkeep_repository"));
}

/// Before its checksum is looked at, which a record of format 1 does not have.
void refuse_unreleased(const std::filesystem::path& path, std::string_view content) {
  try {
    if (format_of(io::parse_json(content)) >= kFormat) return;
  } catch (const nlohmann::json::exception&) {
    return;  // damaged
  }
  throw Refused(
      fmt::format("{}: this repository has a format from before the first release, which is not read any "
                  "more; choose another folder for `repository` and take a first backup there",
                  path.native()));
}

void refuse_newer(const std::filesystem::path& path, const nlohmann::json& record) {
  const int format = format_of(record);
  if (format <= kFormat) return;
  throw Refused(fmt::format("{}: format {} is newer than this program knows ({}); use a newer pgkeep",
                            path.native(), format, kFormat));
}

bool is_made(const std::filesystem::path& root) {
  std::error_code error;
  const bool made = std::filesystem::exists(record_path(root), error);
  if (error) fail(error.value(), record_path(root), root, "look for");
  return made;
}

/// The process that made the folder may have been killed before its name was durable. One that an operator
/// made where we may not look lies there for long.
void sync_parent(const std::filesystem::path& root) {
  try {
    io::sync_directory(root.parent_path());
  } catch (const StorageError& error) {
    if (!is_denied(error)) throw;
  }
}

bool empty_but_for_lock(const std::filesystem::path& root) {
  std::error_code error;
  std::filesystem::directory_iterator entry(root, error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const auto name = entry->path().filename();
    if (name != ".lock" && name != "repository.json.tmp" && name != "lost+found") return false;
  }
  if (error) fail(error.value(), root, root, "list");
  return true;
}

}  // namespace

std::filesystem::path Repository::real_root(const std::filesystem::path& root) {
  std::error_code error;
  auto real = std::filesystem::weakly_canonical(root, error);
  if (error) fail(error.value(), root, root, "find");
  return real;
}

Repository Repository::open(const std::filesystem::path& named_root) {
  const auto root = real_root(named_root);
  const auto path = record_path(root);
  const auto content = read_record(root);
  if (!content) {
    throw NotFound(
        fmt::format("{}: no repository here (it has no repository.json); "
                    "check `repository` in the configuration, or take a first backup to make one",
                    root.native()));
  }
  refuse_unreleased(path, io::as_text(*content));
  Repository repository;
  repository.root_ = root;
  io::use_sealed_json(path.native(), io::as_text(*content),
                      "restore this file from a copy, the repository cannot be used without it",
                      [&](const nlohmann::json& record) {
                        refuse_newer(path, record);
                        io::from_hex(record.at("id").get<std::string>(), repository.id_);
                        io::from_hex(record.at("digest_key").get<std::string>(), repository.digest_key_);
                      });
  return repository;
}

Repository Repository::open_or_create(const std::filesystem::path& named_root) {
  const auto root = real_root(named_root);
  try {
    io::make_directories(root);
  } catch (const StorageError& error) {
    fail(error.cause(), error.path(), root, "make the folder");
  }
  if (!is_made(root)) {
    // Two first commands at once must not make two keys: the second waits, and finds the repository made.
    const auto lock = io::File::open_or_create(root / ".lock");
    io::lock_alone(lock);
    if (!is_made(root)) {
      if (!empty_but_for_lock(root)) {
        throw Refused(
            fmt::format("{}: not empty and not a pgkeep repository; choose another folder for `repository`",
                        root.native()));
      }
      sync_parent(root);
      write_new(root);
    }
  }
  io::sync_directory(root);  // seen is not durable: without the record nothing that is stored can be read
  return open(root);
}

ServerLayout Repository::server(const std::string& name) const {
  return ServerLayout(root_ / name);
}

}  // namespace pgkeep::store
