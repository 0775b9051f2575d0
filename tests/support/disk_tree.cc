#include "tests/support/disk_tree.h"

#include <algorithm>
#include <fcntl.h>
#include <fstream>
#include <functional>
#include <sstream>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>

namespace pgkeep::test {
namespace {

namespace fs = std::filesystem;

/// Zeroes are left out: most of a new WAL segment is.
void write_file(const fs::path& path, std::string_view bytes) {
  constexpr std::size_t kPiece = 64u << 10;
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  bool written = fd >= 0 && ::ftruncate(fd, static_cast<off_t>(bytes.size())) == 0;
  for (std::size_t at = 0; written && at < bytes.size(); at += kPiece) {
    const auto piece = bytes.substr(at, kPiece);
    if (piece.find_first_not_of('\0') == piece.npos) continue;
    written = ::pwrite(fd, piece.data(), piece.size(), static_cast<off_t>(at)) == std::ssize(piece);
  }
  if (fd >= 0) ::close(fd);
  if (!written) throw std::system_error(errno, std::generic_category(), path.native());
}

}  // namespace

std::size_t FileContent::hash() const {
  if (!hash_) hash_ = std::hash<std::string>()(bytes_);
  return *hash_;
}

std::string DiskTree::read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path.native());
  std::ostringstream content;
  content << file.rdbuf();
  return std::move(content).str();
}

DiskTree DiskTree::read(const fs::path& root) {
  DiskTree tree;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    const auto path = entry.path().lexically_relative(root).native();
    if (entry.is_symlink()) {
      const auto target = fs::read_symlink(entry.path()).native();
      tree.entries.emplace(path, Entry{Kind::link, std::make_shared<FileContent>(target)});
    } else if (entry.is_directory()) {
      tree.entries.emplace(path, Entry{Kind::folder});
    } else {
      tree.entries.emplace(path, Entry{Kind::file, std::make_shared<FileContent>(read_file(entry.path()))});
    }
  }
  return tree;
}

void DiskTree::write(const fs::path& root) const {
  for (const auto& [path, entry] : entries) {
    switch (entry.kind) {
      case Kind::folder:
        fs::create_directory(root / path);
        fs::permissions(root / path, fs::perms::owner_all);
        break;
      case Kind::link:
        fs::create_symlink(entry.content->bytes(), root / path);
        break;
      case Kind::file:
        write_file(root / path, entry.content->bytes());
    }
  }
}

std::size_t DiskTree::fingerprint() const {
  std::size_t hash = 0;
  const auto mix = [&hash](std::size_t value) { hash = (hash ^ value) * 0x9E3779B97F4A7C15; };
  for (const auto& [path, entry] : entries) {
    mix(std::hash<std::string>()(path));
    mix(static_cast<std::size_t>(entry.kind));
    if (entry.content) mix(entry.content->hash());
  }
  return hash;
}

std::optional<std::string> DiskTree::difference(const DiskTree& other) const {
  const auto names = [](const auto& entry) { return entry.first; };
  const auto [here, there] = std::ranges::mismatch(entries, other.entries, {}, names, names);
  if (here != entries.end() || there != other.entries.end())
    return fmt::format("{} is not in both", here == entries.end() ? there->first
                                            : there == other.entries.end()
                                                ? here->first
                                                : std::min(here->first, there->first));
  for (const auto& [path, entry] : entries) {
    const auto& second = other.entries.at(path);
    if (entry.kind != second.kind) return path + " is of two kinds";
    if (!entry.content) continue;
    const auto& a = entry.content->bytes();
    const auto& b = second.content->bytes();
    if (a == b) continue;
    const auto at = std::ranges::mismatch(a, b).in1 - a.begin();
    return fmt::format("{} differs from byte {} on ({} and {} bytes)", path, at, a.size(), b.size());
  }
  return std::nullopt;
}

}  // namespace pgkeep::test
