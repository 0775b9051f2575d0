#include "catalog/io/scratch_file.h"

namespace pgkeep::io {
namespace {

constexpr std::size_t kWriteBytes = 1u << 20;

File create_without_name(const std::filesystem::path& path) {
  auto file = File::create(path);
  remove_file(path);
  return file;
}

}  // namespace

ScratchFile::ScratchFile(const std::filesystem::path& path) : file_(create_without_name(path)) {}

void ScratchFile::write(ByteView bytes) {
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
  if (buffer_.size() >= kWriteBytes) file();
}

const File& ScratchFile::file() {
  if (!buffer_.empty()) file_.append(buffer_);
  written_ += buffer_.size();
  buffer_.clear();
  return file_;
}

}  // namespace pgkeep::io
