#include "tests/support/new_cluster.h"

#include <cstdint>
#include <cstring>
#include <fstream>
#include <functional>
#include <random>
#include <stdexcept>
#include <unistd.h>

#include <fmt/format.h>
#include <sys/stat.h>

#include "tests/support/temp_directory.h"

namespace pgkeep::test {
namespace {

namespace fs = std::filesystem;

/// CRC-32C as in PostgreSQL's port/pg_crc32c.h: reflected, of polynomial 0x1EDC6F41.
std::uint32_t crc32c(const std::string& bytes, std::size_t length) {
  std::uint32_t crc = 0xFFFFFFFF;
  for (std::size_t i = 0; i < length; ++i) {
    crc ^= static_cast<unsigned char>(bytes[i]);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82F63B78U : 0U);
  }
  return ~crc;
}

std::string read(const fs::path& path, std::size_t length) {
  std::ifstream file(path, std::ios::binary);
  std::string bytes(length, '\0');
  file.read(bytes.data(), static_cast<std::streamsize>(length));
  if (!file) throw std::runtime_error("cannot read " + path.native());
  return bytes;
}

void write_at(const fs::path& path, std::size_t offset, const void* bytes, std::size_t length) {
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(static_cast<std::streamoff>(offset));
  file.write(static_cast<const char*>(bytes), static_cast<std::streamsize>(length));
  if (!file.flush()) throw std::runtime_error("cannot write " + path.native());
}

/// In pg_control (src/include/catalog/pg_control.h) the identifier comes first, and the CRC of all before it
/// last: where, depends on the version. In WAL (src/include/access/xlog_internal.h) the header of each
/// segment's first page has it; headers have no CRC.
void change_system_identifier(const fs::path& directory) {
  constexpr std::size_t kLongest = 512;  // PG_CONTROL_MAX_SAFE_SIZE
  constexpr std::size_t kInWalHeader = 24;
  const auto path = directory / "global/pg_control";
  auto control = read(path, kLongest);
  const auto crc_at = [&](std::size_t place) {
    std::uint32_t crc = 0;
    std::memcpy(&crc, control.data() + place, sizeof crc);
    return crc;
  };
  std::size_t place = 64;
  while (place + sizeof(std::uint32_t) <= kLongest && crc_at(place) != crc32c(control, place)) place += 4;
  if (place + sizeof(std::uint32_t) > kLongest) throw std::runtime_error("no CRC in " + path.native());
  std::random_device random;
  const auto identifier = (std::uint64_t{random()} << 31) | random();
  std::memcpy(control.data(), &identifier, sizeof identifier);
  const auto crc = crc32c(control, place);
  write_at(path, 0, &identifier, sizeof identifier);
  write_at(path, place, &crc, sizeof crc);
  for (const auto& file : fs::directory_iterator(directory / "pg_wal"))
    if (file.is_regular_file()) write_at(file.path(), kInWalHeader, &identifier, sizeof identifier);
}

/// Another one after an upgrade of PostgreSQL.
std::string name_of_original(const Command& initdb) {
  std::string name;
  for (const auto& word : initdb.argv) {
    name += word + " ";
    struct ::stat program {};
    if (fs::path(word).filename() == "initdb" && ::stat(word.c_str(), &program) == 0)
      name += fmt::format("of {} ", program.st_mtim.tv_sec);
  }
  return fmt::format("{:016x}", std::hash<std::string>()(name));
}

/// Made when it is missing; several tests may do so at once.
fs::path original_of(const Command& initdb) {
  const fs::path all = fs::path(PGKEEP_BUILD_DIR) / "tests/clusters";
  const auto original = all / name_of_original(initdb);
  if (fs::exists(original)) return original;
  fs::create_directories(all);
  const TempDirectory made;  // the server's user may not enter the build
  ::chmod(made.path().c_str(), 0777);
  auto command = initdb;
  command.argv.insert(command.argv.end(), {"--pgdata", (made / "data").native()});
  run_or_throw(command);
  const auto half = fs::path(original) += fmt::format(".{}", ::getpid());
  run_or_throw({{"cp", "--archive", "--sparse=always", (made / "data").native(), half.native()}});
  std::error_code another_was_faster;
  fs::rename(half, original, another_was_faster);
  if (another_was_faster) fs::remove_all(half);
  return original;
}

}  // namespace

void make_data_directory(const fs::path& directory, const Command& initdb) {
  run_or_throw(
      {{"cp", "--archive", "--no-target-directory", original_of(initdb).native(), directory.native()}});
  change_system_identifier(directory);
}

}  // namespace pgkeep::test
