#include "catalog/store/repository.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/io/lock.h"
#include "catalog/io/units.h"

namespace pgkeep::store {
namespace {

constexpr int kFormat = 1;
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
  io::write_file_durably(record_path(root), io::as_bytes(record.dump(2) + "\n"));
}

bool empty_but_for_lock(const std::filesystem::path& root) {
  for (const auto& entry : std::filesystem::directory_iterator(root)) {
    const auto name = entry.path().filename();
    if (name != ".lock" && name != "repository.json.tmp" && name != "lost+found") return false;
  }
  return true;
}

}  // namespace

Repository Repository::open(const std::filesystem::path& root) {
  const auto path = record_path(root);
  const auto content = io::read_file_if_exists(path, kMaxRecordBytes);
  if (!content) {
    throw NotFound(
        fmt::format("{}: no repository here (it has no repository.json); check `repository` in the "
                    "configuration, or take a first backup to make one",
                    root.native()));
  }
  Repository repository;
  repository.root_ = root;
  try {
    const auto record = nlohmann::json::parse(io::as_text(*content));
    const int format = record.at("pgkeep_repository").get<int>();
    if (format > kFormat) {
      throw Refused(fmt::format("{}: format {} is newer than this program knows ({}); use a newer pgkeep",
                                path.native(), format, kFormat));
    }
    io::from_hex(record.at("id").get<std::string>(), repository.id_);
    io::from_hex(record.at("digest_key").get<std::string>(), repository.digest_key_);
  } catch (const nlohmann::json::exception& e) {
    throw Corruption(
        fmt::format("{}: {}; restore this file from a copy, the repository cannot be used without it",
                    path.native(), e.what()));
  }
  return repository;
}

Repository Repository::open_or_create(const std::filesystem::path& root) {
  io::make_directories(root);
  if (!std::filesystem::exists(record_path(root))) {
    // Two first commands at once must not make two keys: the second waits, and finds the repository made.
    const auto lock = io::File::open_or_create(root / ".lock");
    io::lock_alone(lock);
    if (!std::filesystem::exists(record_path(root))) {
      if (!empty_but_for_lock(root)) {
        throw Refused(
            fmt::format("{}: not empty and not a pgkeep repository; choose another folder for `repository`",
                        root.native()));
      }
      write_new(root);
    }
  }
  return open(root);
}

ServerLayout Repository::server(const std::string& name) const {
  return ServerLayout(root_ / name);
}

}  // namespace pgkeep::store
