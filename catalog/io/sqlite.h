#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "catalog/io/bytes.h"

struct sqlite3;
struct sqlite3_stmt;

namespace pgkeep::io {

class Statement;

/// One connection to a SQLite file. One thread. Every failing call throws: StorageError when the file cannot
/// be read or written (full disk included), Corruption when it is not a sound database, Busy when it stays
/// locked. No symbolic link is followed (see no_links.h).
class Database {
 public:
  enum class Mode { read_only, read_write, create };
  /// Foreign keys on; waits 10 s for a locked database. `create` makes the file, mode 0600, when there is
  /// none.
  Database(const std::filesystem::path& path, Mode mode);
  const std::filesystem::path& path() const noexcept { return path_; }

  /// How long a call waits while another process has the database locked, before it throws Busy.
  void wait_at_most(std::chrono::milliseconds patience);
  /// For a file that somebody else may have made: no value may be longer than the file, no call may take more
  /// steps than a sound file ever needs (Corruption), and nothing that the file says is run: no view, no
  /// trigger, no function in its schema.
  void distrust();

  void execute(const char* sql);  // one or more statements without parameters or results
  /// Write-ahead logging, so that readers and a writer do not wait for each other. The log's files stay when
  /// the last connection closes: SQLite would remove them by their names, under which another database's may
  /// lie by then, if this one was replaced by renaming.
  void use_write_ahead_log();
  Statement prepare(std::string_view sql);

 private:
  friend class Statement;
  friend class Transaction;
  struct Close {
    void operator()(sqlite3* handle) const noexcept;
  };
  void begin_call() noexcept;

  std::filesystem::path path_;
  /// Steps of SQLite's machine within one call so far, counted in thousands; only when distrusted. Outlives
  /// the handle, which counts here.
  std::unique_ptr<int> thousands_of_steps_;
  std::unique_ptr<sqlite3, Close> handle_;
};

/// A prepared statement; borrows its database. Parameters count from 1, columns from 0.
class Statement {
 public:
  Statement& bind(int index, std::int64_t value);
  Statement& bind(int index, std::string_view text);
  Statement& bind_blob(int index, ByteView bytes);
  Statement& bind_null(int index);
  template <typename T>
  Statement& bind(int index, const std::optional<T>& value) {
    return value ? bind(index, *value) : bind_null(index);
  }

  /// True when there is a row.
  bool step();
  /// For statements without rows: step and reset.
  void run();
  void reset();

  /// Each throws Corruption when the column is of another type (NULL, where not optional, included): SQLite's
  /// own conversions would make a number out of anything.
  bool is_null(int column) const;
  std::int64_t integer(int column) const;
  std::string text(int column) const;
  std::optional<std::int64_t> optional_integer(int column) const;
  std::optional<std::string> optional_text(int column) const;
  /// Valid until the next step() or reset().
  ByteView blob(int column) const;

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* handle) const noexcept;
  };
  Statement(Database& database, sqlite3_stmt* handle) : database_(&database), handle_(handle) {}
  Statement& bound(int result);
  void require_type(int column, int type, const char* name) const;
  Database* database_;
  std::unique_ptr<sqlite3_stmt, Finalize> handle_;
};

/// BEGIN IMMEDIATE … COMMIT; rolled back unless committed.
class Transaction {
 public:
  explicit Transaction(Database& database);
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction();
  void commit();

 private:
  Database* database_;
  bool open_ = true;
};

}  // namespace pgkeep::io
