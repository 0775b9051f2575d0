#include "recover/deliver/tar_writer.h"

#include <algorithm>
#include <archive.h>
#include <archive_entry.h>
#include <cerrno>
#include <new>
#include <utility>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/io/failure.h"

namespace pgkeep::recover {

TarWriter::TarWriter(io::ByteSink& out, std::size_t gather) : out_(&out), tar_(::archive_write_new()) {
  if (tar_ == nullptr) throw std::bad_alloc();
  ::archive_write_set_format_gnutar(tar_);
  ::archive_write_set_bytes_per_block(tar_, static_cast<int>(gather));
  ::archive_write_set_bytes_in_last_block(tar_, 1);  // no padding: tar reads from a pipe
  ::archive_write_open2(tar_, this, nullptr, pass_on, nullptr, nullptr);
}

TarWriter::~TarWriter() {
  // The trailer would make what is cut look whole. Closed all the same, which alone frees libarchive's
  // buffer.
  given_up_ = true;
  ::archive_write_close(tar_);
  ::archive_write_free(tar_);
}

std::ptrdiff_t TarWriter::pass_on(archive* tar, void* self, const void* bytes, std::size_t size) {
  auto* writer = static_cast<TarWriter*>(self);
  if (writer->given_up_) return ARCHIVE_FATAL;
  try {
    writer->out_->write({static_cast<const std::byte*>(bytes), size});
    return static_cast<std::ptrdiff_t>(size);
  } catch (...) {
    writer->failure_ = io::current_failure();
    ::archive_set_error(tar, EIO, "not written");
    return ARCHIVE_FATAL;
  }
}

void TarWriter::require(bool done) {
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
  if (done) return;
  const char* const why = ::archive_error_string(tar_);
  throw Error(fmt::format("{}: cannot be put into a tar: {}", path_,
                          why != nullptr ? why : "libarchive does not say why"));
}

void TarWriter::EntryDeleter::operator()(archive_entry* entry) const {
  ::archive_entry_free(entry);
}

TarWriter::Entry TarWriter::entry_of(const std::string& path, unsigned type, std::uint32_t mode,
                                     std::int64_t modified) {
  Entry entry(::archive_entry_new());
  if (!entry) throw std::bad_alloc();
  path_ = path;
  ::archive_entry_set_pathname(entry.get(), path.c_str());
  ::archive_entry_set_filetype(entry.get(), type);
  ::archive_entry_set_perm(entry.get(), mode);
  ::archive_entry_set_mtime(entry.get(), std::max<std::int64_t>(modified, 0), 0);
  return entry;
}

void TarWriter::begin(const Entry& entry) {
  require(::archive_write_header(tar_, entry.get()) == ARCHIVE_OK);
}

void TarWriter::directory(const std::string& path, std::uint32_t mode, std::int64_t modified) {
  begin(entry_of(path, AE_IFDIR, mode, modified));
}

void TarWriter::symlink(const std::string& path, const std::string& target) {
  constexpr std::uint32_t kLinkMode = 0777;
  const auto entry = entry_of(path, AE_IFLNK, kLinkMode, 0);
  ::archive_entry_set_symlink(entry.get(), target.c_str());
  begin(entry);
}

void TarWriter::begin_file(const std::string& path, std::uint64_t size, std::uint32_t mode,
                           std::int64_t modified) {
  const auto entry = entry_of(path, AE_IFREG, mode, modified);
  ::archive_entry_set_size(entry.get(), static_cast<std::int64_t>(size));
  begin(entry);
  size_ = size;
  left_ = size;
}

void TarWriter::write(io::ByteView bytes) {
  if (bytes.size() > left_) throw Error(fmt::format("{}: more than the {} bytes announced", path_, size_));
  left_ -= bytes.size();
  while (!bytes.empty()) {
    const auto written = ::archive_write_data(tar_, bytes.data(), bytes.size());
    require(written > 0);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

void TarWriter::end_file() {
  if (left_ != 0) throw Error(fmt::format("{}: {} of {} bytes did not come", path_, left_, size_));
  require(::archive_write_finish_entry(tar_) == ARCHIVE_OK);
}

void TarWriter::finish() {
  require(::archive_write_close(tar_) == ARCHIVE_OK);
}

}  // namespace pgkeep::recover
