#include "catalog/io/journal.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <optional>
#include <string_view>
#include <unistd.h>

#include <fmt/format.h>
#include <sys/stat.h>

#include "catalog/io/error.h"
#include "catalog/io/sealed_json.h"

namespace pgkeep::io {
namespace {

constexpr std::uint64_t kBlockBytes = 64u << 10;

bool ends_a_line(const File& file, std::uint64_t position) {
  std::array<std::byte, 1> before{};
  file.read_exactly_at(before, position - 1);
  return before[0] == std::byte{'\n'};
}

bool lies_under(const File& file, const std::filesystem::path& path) {
  struct stat opened {};
  struct stat named {};
  return ::fstat(file.fd(), &opened) == 0 && ::lstat(path.c_str(), &named) == 0 &&
         opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

/// Locked, and still the file of that name: the process that held the lock before may have replaced it.
File open_locked(const std::filesystem::path& path, std::chrono::seconds patience) {
  while (true) {
    auto file = File::open_or_create(path);
    lock_alone(file, patience);
    if (lies_under(file, path)) return file;
  }
}

std::optional<File> open_if_there(const std::filesystem::path& path) {
  try {
    return File::open_to_read(path);
  } catch (const StorageError& error) {
    if (error.cause() != ENOENT) throw;
    return std::nullopt;
  }
}

/// Counts lines, which come in parts.
class LineCheck {
 public:
  void add(std::string_view text) {
    for (auto end = text.find('\n'); end != text.npos; end = text.find('\n')) {
      keep(text.substr(0, end));
      end_line();
      text.remove_prefix(end + 1);
    }
    keep(text);
  }
  /// At the end of the journal, where the last line may lack its newline.
  std::vector<std::uint64_t> finish() {
    if (!line_.empty() || is_too_long_) end_line();
    return std::move(damaged_);
  }

 private:
  void keep(std::string_view part) {
    is_too_long_ = is_too_long_ || line_.size() + part.size() > kLongestLine;
    if (is_too_long_) {
      line_.clear();
    } else {
      line_ += part;
    }
  }
  void end_line() {
    ++number_;
    if (is_too_long_ || (!is_sealed(line_) && !is_cut(line_))) damaged_.push_back(number_);
    line_.clear();
    is_too_long_ = false;
  }

  std::string line_;  // what has come of it
  bool is_too_long_ = false;
  std::uint64_t number_ = 0;  // of the line before
  std::vector<std::uint64_t> damaged_;
};

}  // namespace

JournalAppender::JournalAppender(const std::filesystem::path& path, std::chrono::seconds patience)
    : file_(open_locked(path, patience)) {
  if (::fcntl(file_.fd(), F_SETFL, O_APPEND) != 0) {
    const int cause = errno;
    throw StorageError(cause, path, "open to append");
  }
}

void JournalAppender::append(std::string line) {
  const auto size = file_.size();
  if (size > 0 && !ends_a_line(file_, size)) line.insert(line.begin(), '\n');
  line += '\n';
  try {
    file_.append(as_bytes(line));
    file_.sync();
  } catch (const StorageError&) {
    // Nobody may act on a line that a power cut would take: the caller was told that there is none.
    static_cast<void>(!::ftruncate(file_.fd(), static_cast<off_t>(size)));
    throw;
  }
  // Also when the file was there: who made it may have been killed before its name was durable.
  sync_directory(file_.path().parent_path());
  file_.close();
}

void JournalAppender::write_again() {
  ByteVector content(file_.size());
  file_.read_exactly_at(content, 0);
  AtomicFile again(file_.path());
  again.write(content);
  again.commit();  // who waits for the lock of the file that was replaced opens this one (open_locked())
}

JournalLines read_journal(const std::filesystem::path& path, std::uint64_t from) {
  const auto refuse = [&](std::string_view why) {
    throw Corruption(fmt::format("{}: {} at byte {}", path.native(), why, from));
  };
  const auto file = open_if_there(path);
  if (!file) {
    if (from > 0) refuse("the journal is gone, which went on");
    return {};
  }
  const auto size = file->size();
  if (size < from) refuse("the journal was cut: it was longer before");
  if (from > 0 && !ends_a_line(*file, from)) refuse("no line begins");

  ByteVector content(size - from);
  content.resize(file->read_at(content, from));
  auto rest = as_text(content);
  JournalLines found{{}, from};
  for (auto newline = rest.find('\n'); newline != rest.npos; newline = rest.find('\n')) {
    found.lines.emplace_back(rest.substr(0, newline));
    rest.remove_prefix(newline + 1);
    found.end += newline + 1;
  }
  return found;
}

JournalBackwards::JournalBackwards(const std::filesystem::path& path) : file_(open_if_there(path)) {
  if (file_) begin_ = file_->size();
}

/// False at the beginning of the file.
bool JournalBackwards::read_block() {
  if (begin_ == 0) return false;
  is_passing_over_ = is_passing_over_ || left_ > kLongestLine;
  if (is_passing_over_) left_ = 0;
  // More for a line that is longer than what is here of it.
  const auto bytes = std::min<std::uint64_t>(begin_, std::max<std::uint64_t>(kBlockBytes, left_));
  begin_ -= bytes;
  ByteVector before(bytes);
  before.resize(file_->read_at(before, begin_));
  if (before.size() < bytes) {  // and all that came after it: the line that was last was taken back
    is_passing_over_ = true;
    left_ = 0;
  }
  block_ = std::string(as_text(before)).append(block_, 0, left_);
  left_ = block_.size();
  if (is_passing_over_) {
    const auto newline = block_.rfind('\n');
    is_passing_over_ = newline == block_.npos;
    left_ = is_passing_over_ ? 0 : newline + 1;
  }
  return true;
}

std::optional<std::string_view> JournalBackwards::previous() {
  do {
    if (left_ == 0) continue;
    const auto line = std::string_view(block_).substr(0, left_ - 1);
    const auto newline = line.rfind('\n');
    if (newline == line.npos && begin_ != 0) continue;
    left_ = newline == line.npos ? 0 : newline + 1;
    return line.substr(left_);
  } while (read_block());
  return std::nullopt;
}

std::vector<std::uint64_t> damaged_lines(const std::filesystem::path& path) {
  const auto file = open_if_there(path);
  if (!file) return {};
  LineCheck check;
  ByteVector block(kBlockBytes);
  for (std::uint64_t at = 0;;) {
    const auto bytes = file->read_at(block, at);
    if (bytes == 0) return check.finish();
    at += bytes;
    check.add(as_text(ByteView(block).first(bytes)));
  }
}

}  // namespace pgkeep::io
