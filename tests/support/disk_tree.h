#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace pgkeep::test {

/// Bytes of a file that several trees may share.
class FileContent {
 public:
  explicit FileContent(std::string bytes = {}) : bytes_(std::move(bytes)) {}
  const std::string& bytes() const noexcept { return bytes_; }
  /// Only while nobody else shares it.
  std::string& change() {
    hash_.reset();
    return bytes_;
  }
  std::size_t hash() const;

 private:
  std::string bytes_;
  mutable std::optional<std::size_t> hash_{};
};

/// The files, folders and links below a directory, in memory.
struct DiskTree {
  enum class Kind { file, folder, link };
  struct Entry {
    Kind kind;
    std::shared_ptr<const FileContent> content{};  // of a link: its target
  };
  std::map<std::string, Entry> entries;  // by the path below the directory; a folder before what is in it

  static DiskTree read(const std::filesystem::path& root);
  static std::string read_file(const std::filesystem::path& path);
  /// Into a directory that is empty.
  void write(const std::filesystem::path& root) const;
  /// The same for two trees that are equal, and hardly ever for others.
  std::size_t fingerprint() const;
  /// The first path at which two trees differ, and how.
  std::optional<std::string> difference(const DiskTree& other) const;
};

}  // namespace pgkeep::test
