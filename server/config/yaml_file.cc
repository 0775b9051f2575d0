#include "server/config/yaml_file.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include <fmt/format.h>
#include <sys/stat.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/io/no_links.h"

namespace pgkeep::server {
namespace {

constexpr std::uint64_t kLargestFile = std::uint64_t{16} << 20;

/// Lines whose indentation has a tab, which looks like spaces; the first of them, from 1.
std::optional<std::size_t> line_with_tab(std::string_view text) {
  std::size_t line = 1;
  for (; !text.empty(); ++line) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto indentation = text.substr(0, std::min(text.find_first_not_of(" \t"), end));
    if (indentation.find('\t') != indentation.npos) return line;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return std::nullopt;
}

/// What the parser's message means to who wrote the file. No word of the file: it may be a password.
std::string_view meaning_of(std::string_view message) {
  struct Meaning {
    std::string_view message;
    std::string_view meaning;
  };
  // Of yaml-cpp's exceptions.h.
  constexpr std::array kMeanings{
      Meaning{"illegal map value",
              "a value goes on with a second ': ', or stands where none may; put it into quotation marks"},
      Meaning{"end of map flow not found", "a brace '{' further up is never closed"},
      Meaning{"end of sequence flow not found", "a bracket '[' further up is never closed"},
      Meaning{"illegal document indicator in scalar", "a quotation mark further up is never closed"},
      Meaning{"illegal EOF in scalar", "a quotation mark further up is never closed"},
      Meaning{
          "end of map not found",
          "this line is indented like no section above it; the keys of a section stand below one another"},
      Meaning{"end of sequence not found", "this line is indented like no entry of the list above it"},
      Meaning{"illegal block entry", "a list '- …' stands where a value or a section is expected"},
      Meaning{"bad file", "it cannot be read"},
  };
  const auto* known = std::ranges::find(kMeanings, message, &Meaning::message);
  return known == kMeanings.end() ? message : known->meaning;
}

YAML::Node parse(const std::filesystem::path& path, std::string_view text) {
  try {
    // The mark of a document's end is refused inside a quoted value: yaml-cpp takes the end of the file for
    // the end of one that was never closed, and a file that was cut off would pass for whole.
    auto documents = YAML::LoadAll(fmt::format("{}\n...\n", text));
    if (documents.size() > 1) {
      throw UsageError(
          fmt::format("{}: holds {} YAML documents; one is expected, without '---' between its parts",
                      path.native(), documents.size()));
    }
    return documents.empty() ? YAML::Node() : documents.front();
  } catch (const YAML::Exception& error) {
    if (const auto tab = line_with_tab(text))
      throw UsageError(fmt::format("{}:{}: a tab stands in the indentation, where YAML takes spaces alone",
                                   path.native(), *tab));
    throw UsageError(
        fmt::format("{}:{}: not valid YAML: {}", path.native(), error.mark.line + 1, meaning_of(error.msg)));
  }
}

const char* describe(const YAML::Node& node) {
  if (node.IsMap()) return "a section of keys";
  if (node.IsSequence()) return "a list";
  return node.IsScalar() ? "a value" : "nothing";
}

mode_t permissions(const std::filesystem::path& path) {
  struct ::stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    const int cause = errno;
    throw StorageError(cause, path, "stat");
  }
  return status.st_mode & 07777;
}

}  // namespace

YamlFile::YamlFile(std::filesystem::path path) : path_(std::move(path)) {
  io::ByteVector content;
  try {
    content = io::read_whole_file(io::real_path(path_), kLargestFile);
  } catch (const StorageError& error) {
    throw UsageError(fmt::format("{}; name the configuration with -c FILE", error.what()));
  } catch (const Corruption& error) {
    throw UsageError(error.what());
  }
  root_ = parse(path_, io::as_text(content));
}

std::vector<YamlFile::Entry> YamlFile::entries(const YAML::Node& section, const std::string& place) const {
  if (!section.IsMap()) {
    fail(section, place,
         fmt::format("a section of keys (NAME: VALUE, a line each) is expected, not {}", describe(section)));
  }
  std::vector<Entry> entries;
  std::map<std::string, std::string> seen;
  for (const auto& pair : section) {
    if (!pair.first.IsScalar()) fail(pair.first, place, "a name is expected here");
    const auto name = pair.first.Scalar();
    const auto where = place.empty() ? name : fmt::format("{}.{}", place, name);
    const auto [first, is_new] = seen.emplace(name, line(pair.first));
    if (!is_new)
      fail(pair.first, where, fmt::format("stands here twice, first at {}; remove one", first->second));
    entries.push_back({name, where, pair.first, pair.second});
  }
  return entries;
}

std::string YamlFile::scalar(const Entry& entry) const {
  if (entry.value.IsNull()) fail(entry.key, entry.place, "has no value");
  if (!entry.value.IsScalar())
    fail(entry.value, entry.place, fmt::format("one value is expected, not {}", describe(entry.value)));
  return entry.value.Scalar();
}

std::vector<std::string> YamlFile::scalars(const Entry& entry) const {
  if (!entry.value.IsSequence()) return {scalar(entry)};
  std::vector<std::string> texts;
  for (const auto& element : entry.value) {
    if (!element.IsScalar()) fail(element, entry.place, "a list of single values is expected");
    texts.push_back(element.Scalar());
  }
  return texts;
}

bool YamlFile::readable_by_others() const {
  return (permissions(path_) & (S_IRGRP | S_IROTH)) != 0;
}

std::string YamlFile::mode() const {
  return fmt::format("{:04o}", permissions(path_));
}

std::string YamlFile::line(const YAML::Node& at) const {
  return fmt::format("{}:{}", path_.native(), at.Mark().line + 1);
}

void YamlFile::fail(const YAML::Node& at, std::string_view place, std::string_view message) const {
  if (place.empty()) throw UsageError(fmt::format("{}: {}", line(at), message));
  throw UsageError(fmt::format("{}: {}: {}", line(at), place, message));
}

}  // namespace pgkeep::server
