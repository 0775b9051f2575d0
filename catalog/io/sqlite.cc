#include "catalog/io/sqlite.h"

#include <algorithm>
#include <cerrno>
#include <limits>
#include <new>
#include <sqlite3.h>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"

namespace pgkeep::io {
namespace {

constexpr std::chrono::milliseconds kPatience{10'000};
constexpr int kThousand = 1000;
constexpr std::uintmax_t kLeastLength = 64u << 10;  // SQLite's own statements need some room, too
/// A row of ours takes some twenty steps. Pages that name each other in circles would take any number.
constexpr int kMaxThousandsOfSteps = 2'000;

/// Copies what is bound. (SQLITE_TRANSIENT itself is an old-style cast.)
// NOLINTNEXTLINE(performance-no-int-to-ptr): the number is SQLite's
const auto kCopy = reinterpret_cast<sqlite3_destructor_type>(-1);

int file_error(sqlite3* handle, int code) {
  const int system = sqlite3_system_errno(handle);
  switch (code) {
    case SQLITE_FULL:
      return ENOSPC;
    case SQLITE_READONLY:
      return EACCES;  // SQLite knows this from how it opened, not from a call that failed
    case SQLITE_CANTOPEN:
      if (sqlite3_extended_errcode(handle) == SQLITE_CANTOPEN_SYMLINK) return ELOOP;
      return system != 0 ? system : ENOENT;
    default:
      return system != 0 ? system : EIO;
  }
}

/// Turns SQLite's last error into ours. `what` is the step, as "open the database".
[[noreturn]] void fail(sqlite3* handle, const std::filesystem::path& path, std::string_view what) {
  const int code = sqlite3_errcode(handle) & 0xff;
  const std::string reason = sqlite3_errmsg(handle);
  switch (code) {
    case SQLITE_NOMEM:
      throw std::bad_alloc();
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
      throw StorageError(file_error(handle, code), path, fmt::format("{} ({})", what, reason));
    case SQLITE_ERROR:  // our own SQL is right: it does not fit the file, or the file's format is not known
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      throw Corruption(fmt::format("{}: cannot {}: {}", path.native(), what, reason));
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      throw Busy(fmt::format("{}: cannot {}: another process keeps it locked", path.native(), what));
    case SQLITE_INTERRUPT:
      throw Corruption(
          fmt::format("{}: cannot {}: no sound database takes that long; it is damaged or was made to harm",
                      path.native(), what));
    case SQLITE_TOOBIG:
      throw Corruption(
          fmt::format("{}: cannot {}: it has a value that is longer than the file", path.native(), what));
    default:
      throw Error(fmt::format("{}: cannot {}: {}", path.native(), what, reason));
  }
}

int open_flags(Database::Mode mode) {
  const int access = mode == Database::Mode::read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
  return access | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
}

std::string step_name(sqlite3_stmt* statement) {
  const char* sql = sqlite3_sql(statement);
  return fmt::format("run \"{}\"", sql != nullptr ? sql : "");
}

}  // namespace

void Database::Close::operator()(sqlite3* handle) const noexcept {
  sqlite3_close_v2(handle);
}

Database::Database(const std::filesystem::path& path, Mode mode) : path_(path) {
  if (mode == Mode::create) File::open_or_create(path).close();  // SQLite would leave the mode to the umask
  sqlite3* handle = nullptr;
  const int result = sqlite3_open_v2(path.c_str(), &handle, open_flags(mode), nullptr);
  handle_.reset(handle);  // also when it failed
  if (handle == nullptr) throw std::bad_alloc();
  if (result != SQLITE_OK) fail(handle, path_, "open the database");
  wait_at_most(kPatience);
  execute("PRAGMA foreign_keys = ON");
}

void Database::wait_at_most(std::chrono::milliseconds patience) {
  sqlite3_busy_timeout(handle_.get(), static_cast<int>(patience.count()));
}

void Database::distrust() {
  auto* handle = handle_.get();
  std::error_code error;
  const auto bytes = std::filesystem::file_size(path_, error);
  if (error) throw StorageError(error.value(), path_, "read the size");
  sqlite3_limit(
      handle, SQLITE_LIMIT_LENGTH,
      static_cast<int>(std::clamp<std::uintmax_t>(bytes, kLeastLength, std::numeric_limits<int>::max())));
  for (const int option :
       {SQLITE_DBCONFIG_ENABLE_TRIGGER, SQLITE_DBCONFIG_ENABLE_VIEW, SQLITE_DBCONFIG_TRUSTED_SCHEMA}) {
    if (sqlite3_db_config(handle, option, 0, nullptr) != SQLITE_OK) fail(handle, path_, "limit the database");
  }
  thousands_of_steps_ = std::make_unique<int>(0);
  sqlite3_progress_handler(
      handle, kThousand,
      [](void* steps) { return ++*static_cast<int*>(steps) > kMaxThousandsOfSteps ? 1 : 0; },
      thousands_of_steps_.get());
  execute("PRAGMA cell_size_check = ON");
}

void Database::begin_call() noexcept {
  if (thousands_of_steps_) *thousands_of_steps_ = 0;
}

void Database::execute(const char* sql) {
  begin_call();
  if (sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) {
    fail(handle_.get(), path_, fmt::format("run \"{}\"", sql));
  }
}

void Database::use_write_ahead_log() {
  int keep = 1;
  if (sqlite3_file_control(handle_.get(), "main", SQLITE_FCNTL_PERSIST_WAL, &keep) != SQLITE_OK) {
    fail(handle_.get(), path_, "keep the write-ahead log");
  }
  execute("PRAGMA journal_mode = WAL");
}

Statement Database::prepare(std::string_view sql) {
  begin_call();  // the first one reads the schema
  sqlite3_stmt* handle = nullptr;
  const char* tail = nullptr;
  if (sqlite3_prepare_v2(handle_.get(), sql.data(), static_cast<int>(sql.size()), &handle, &tail) !=
      SQLITE_OK) {
    fail(handle_.get(), path_, fmt::format("prepare \"{}\"", sql));
  }
  Statement statement(*this, handle);
  const auto rest = sql.substr(static_cast<std::size_t>(tail - sql.data()));
  if (handle == nullptr || rest.find_first_not_of(" \n\t;") != rest.npos) {
    throw std::logic_error(fmt::format("not exactly one SQL statement: {}", sql));
  }
  return statement;
}

void Statement::Finalize::operator()(sqlite3_stmt* handle) const noexcept {
  sqlite3_finalize(handle);
}

Statement& Statement::bound(int result) {
  if (result != SQLITE_OK) fail(database_->handle_.get(), database_->path_, step_name(handle_.get()));
  return *this;
}

Statement& Statement::bind(int index, std::int64_t value) {
  return bound(sqlite3_bind_int64(handle_.get(), index, value));
}

Statement& Statement::bind(int index, std::string_view text) {
  const char* data = text.data() != nullptr ? text.data() : "";  // a null pointer would bind NULL
  return bound(sqlite3_bind_text64(handle_.get(), index, data, text.size(), kCopy, SQLITE_UTF8));
}

Statement& Statement::bind_blob(int index, ByteView bytes) {
  if (bytes.empty()) return bound(sqlite3_bind_zeroblob(handle_.get(), index, 0));
  return bound(sqlite3_bind_blob64(handle_.get(), index, bytes.data(), bytes.size(), kCopy));
}

Statement& Statement::bind_null(int index) {
  return bound(sqlite3_bind_null(handle_.get(), index));
}

bool Statement::step() {
  database_->begin_call();
  const int result = sqlite3_step(handle_.get());
  if (result == SQLITE_ROW) return true;
  if (result == SQLITE_DONE) return false;
  try {
    fail(database_->handle_.get(), database_->path_, step_name(handle_.get()));
  } catch (...) {
    reset();  // a failed statement that is not reset keeps its locks
    throw;
  }
}

void Statement::run() {
  step();
  reset();
}

void Statement::reset() {
  sqlite3_reset(handle_.get());  // its result repeats the error of the last step(), which was thrown there
}

void Statement::require_type(int column, int type, const char* name) const {
  if (sqlite3_column_type(handle_.get(), column) == type) return;
  const char* title = sqlite3_column_name(handle_.get(), column);
  throw Corruption(fmt::format("{}: \"{}\" is not {} (in \"{}\")", database_->path_.native(),
                               title != nullptr ? title : "?", name, sqlite3_sql(handle_.get())));
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(handle_.get(), column) == SQLITE_NULL;
}

std::int64_t Statement::integer(int column) const {
  require_type(column, SQLITE_INTEGER, "an integer");
  return sqlite3_column_int64(handle_.get(), column);
}

std::string Statement::text(int column) const {
  require_type(column, SQLITE_TEXT, "text");
  const auto* data = sqlite3_column_text(handle_.get(), column);
  if (data == nullptr) throw std::bad_alloc();
  const auto size = sqlite3_column_bytes(handle_.get(), column);
  return {reinterpret_cast<const char*>(data), static_cast<std::size_t>(size)};
}

std::optional<std::int64_t> Statement::optional_integer(int column) const {
  return is_null(column) ? std::nullopt : std::optional(integer(column));
}

std::optional<std::string> Statement::optional_text(int column) const {
  return is_null(column) ? std::nullopt : std::optional(text(column));
}

ByteView Statement::blob(int column) const {
  require_type(column, SQLITE_BLOB, "a blob");
  const auto* data = static_cast<const std::byte*>(sqlite3_column_blob(handle_.get(), column));
  return {data, static_cast<std::size_t>(sqlite3_column_bytes(handle_.get(), column))};
}

Transaction::Transaction(Database& database) : database_(&database) {
  database.execute("BEGIN IMMEDIATE");
}

Transaction::~Transaction() {
  // Fails when SQLite has rolled back by itself, which is as good.
  if (open_) sqlite3_exec(database_->handle_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
}

void Transaction::commit() {
  database_->execute("COMMIT");
  open_ = false;
}

}  // namespace pgkeep::io
