#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <yaml-cpp/yaml.h>

namespace pgkeep::server {

/// One YAML file of the configuration: hands out its parts, and knows the line of each for messages.
/// One thread. Every member that reads throws UsageError, "FILE:LINE: PLACE: message".
class YamlFile {
 public:
  explicit YamlFile(std::filesystem::path path);

  const std::filesystem::path& path() const noexcept { return path_; }
  /// Null for an empty file.
  const YAML::Node& root() const noexcept { return root_; }

  struct Entry {
    std::string name;
    std::string place;  // "servers.main.slot"
    YAML::Node key;     // for its line
    YAML::Node value;
  };
  /// The keys of a section in their order; refuses anything but a section, and a key that stands there twice.
  std::vector<Entry> entries(const YAML::Node& section, const std::string& place) const;
  /// A single value.
  std::string scalar(const Entry& entry) const;
  /// A single value or a list of them.
  std::vector<std::string> scalars(const Entry& entry) const;

  /// True when the file can be read by others than its owner.
  bool readable_by_others() const;
  std::string mode() const;  // "0644"

  std::string line(const YAML::Node& at) const;  // "FILE:7"
  [[noreturn]] void fail(const YAML::Node& at, std::string_view place, std::string_view message) const;

 private:
  std::filesystem::path path_;
  YAML::Node root_;
};

}  // namespace pgkeep::server
