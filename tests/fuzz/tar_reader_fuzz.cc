#include <cstdint>
#include <cstdlib>
#include <string>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "streaming/wire/tar_reader.h"

// Whatever bytes come: the reader refuses them by ProtocolError or gives safe names and whole files, and the
// same for every way in which the stream is cut.

namespace {

using namespace pgkeep;

[[noreturn]] void fail() {
  std::abort();
}

class Checker : public streaming::TarSink {
 public:
  void entry(const streaming::TarEntry& entry) override {
    if (in_file_) fail();
    check_path(entry.path);
    in_file_ = entry.type == streaming::TarEntry::Type::file;
    left_ = entry.size;
    if (!in_file_ && entry.size != 0) fail();
    story += fmt::format("{} {} {:o} {}\n", entry.path, entry.size, entry.mode, entry.modified);
  }
  void data(io::ByteView bytes) override {
    if (!in_file_ || bytes.size() > left_) fail();
    left_ -= bytes.size();
    story += io::as_text(bytes);
  }
  void end_of_file() override {
    if (!in_file_ || left_ != 0) fail();
    in_file_ = false;
    story += "\nend\n";
  }

  std::string story;

 private:
  static void check_path(const std::string& path) {
    const auto framed = "/" + path + "/";
    if (path.starts_with('/') || framed.find("/../") != std::string::npos) fail();
    if (!path.empty() && (framed.find("/./") != std::string::npos || framed.find("//") != std::string::npos))
      fail();
  }
  bool in_file_ = false;
  std::uint64_t left_ = 0;
};

/// A fuzzer does not find checksums, so every block that looks like a header gets the right one.
std::string with_checksums(std::string tar) {
  for (std::size_t at = 0; at + 512 <= tar.size(); at += 512) {
    if (tar.compare(at + 257, 5, "ustar") != 0) continue;
    tar.replace(at + 148, 8, 8, ' ');
    unsigned sum = 0;
    for (std::size_t i = at; i < at + 512; ++i) sum += static_cast<unsigned char>(tar[i]);
    tar.replace(at + 148, 8, fmt::format("{:07o} ", sum));
  }
  return tar;
}

std::string read(const std::string& tar, std::size_t piece_bytes) {
  Checker checker;
  streaming::TarReader reader(checker);
  try {
    for (std::size_t at = 0; at < tar.size(); at += piece_bytes) {
      reader.feed(io::as_bytes(std::string_view(tar).substr(at, piece_bytes)));
    }
    reader.finish();
    checker.story += "finished";
  } catch (const ProtocolError&) {
    checker.story += "refused";
  }
  return checker.story;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto tar = with_checksums(std::string(reinterpret_cast<const char*>(data) + 1, size - 1));
  if (read(tar, std::size_t{data[0]} + 1) != read(tar, tar.size() + 1)) fail();
  return 0;
}
