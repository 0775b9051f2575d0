#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/io/file.h"
#include "catalog/io/lock.h"

namespace pgkeep::io {

/// An append-only file of lines, opened and locked to add one: one process appends at a time, so that what it
/// read of the journal before is all there is, and a line that was cut is ended before the next one begins.
/// Held until append() or the end of its life. Throws StorageError, and Busy when another process holds it
/// for longer than `patience`.
class JournalAppender {
 public:
  explicit JournalAppender(const std::filesystem::path& path, std::chrono::seconds patience = kLockPatience);
  /// `line`, sealed (sealed_json.h) and without its newline, once: written by one write, and durable with the
  /// file's name before it returns. A line that could not be made durable is taken back, as far as that is
  /// possible.
  void append(std::string line);
  /// Makes what the journal has durable with the file's name, when nothing is to be added. It is written
  /// again for that, to a new file: another process may have ended between its write and its fsync, or have
  /// seen that fsync fail, and the kernel tells of a failure only once. An fsync by us would succeed then,
  /// and prove nothing.
  void write_again();

 private:
  File file_;
};

/// The whole lines of a journal from a byte position on, without their newlines. A line that was cut by a
/// crash, at the end or with another after it, is not recognised here: who reads a line finds that it has
/// no checksum (sealed_json.h).
struct JournalLines {
  std::vector<std::string> lines;
  std::uint64_t end = 0;  // position after the last whole line
};
/// Nothing of a file that is not there. Throws Corruption when the journal is shorter than `from`, or `from`
/// is not the beginning of a line.
JournalLines read_journal(const std::filesystem::path& path, std::uint64_t from = 0);

/// No line is longer; what is, was not written as one.
inline constexpr std::uint64_t kLongestLine = std::uint64_t{16} << 20;

/// The whole lines of a journal from the last one to the first: for what stands at its end, however long it
/// is. Only the blocks that these lines lie in are read; what is appended meanwhile is not seen, nor what is
/// taken back meanwhile (JournalAppender::append()). A line longer than kLongestLine is passed over, or
/// returned when it is not much longer. One thread.
class JournalBackwards {
 public:
  /// A file that is not there has no lines. Throws StorageError, as previous() does.
  explicit JournalBackwards(const std::filesystem::path& path);
  /// The line before the one that was returned last, without its newline; valid until the next call. Nothing
  /// when there is none.
  std::optional<std::string_view> previous();

 private:
  bool read_block();

  std::optional<File> file_;
  std::uint64_t begin_ = 0;  // in the file, of what block_ has
  std::string block_;
  std::size_t left_ = 0;         // bytes of block_ that were not returned; the last one is a newline
  bool is_passing_over_ = true;  // no whole line ends at begin_: the next one is before a newline
};

/// The numbers, from 1, of the lines whose checksum does not fit (sealed_json.h), or that are longer than
/// kLongestLine: what they told is lost. Not of those that a crash has cut (is_cut()), which nobody relied
/// on. Reads the journal once, a block at a time. Throws StorageError.
std::vector<std::uint64_t> damaged_lines(const std::filesystem::path& path);

}  // namespace pgkeep::io
