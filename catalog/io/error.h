#pragma once

#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>

namespace pgkeep {

/// Exit codes of the program, the same for every command (get-wal alone has its own, which PostgreSQL reads).
enum class Exit : int {
  ok = 0,
  failed = 1,     // the work could not be done; the message says why
  usage = 2,      // command line or configuration
  not_found = 3,  // no such server, backup, file
  busy = 4,       // another process holds the lock
  partly = 5,     // some servers or parts were done, some failed
  refused = 6,    // would be unsafe; nothing was changed
};

/// What stops a caller doing its job: says what, where and, where known, the way out, in one message.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
  virtual Exit exit_code() const noexcept { return Exit::failed; }
  /// True when the same step may succeed later without anybody changing anything here.
  virtual bool retryable() const noexcept { return false; }
};

/// The server went away or could not be reached.
class ConnectionLost : public Error {
 public:
  using Error::Error;
  bool retryable() const noexcept override { return true; }
};

/// The server said no.
class ServerError : public Error {
 public:
  ServerError(std::string sqlstate, const std::string& message)
      : Error(message), sqlstate_(std::move(sqlstate)) {}
  const std::string& sqlstate() const noexcept { return sqlstate_; }
  /// By SQLSTATE: shutting down, starting up, slot busy, too many connections and the like.
  bool retryable() const noexcept override;

 private:
  std::string sqlstate_;
};

/// The server broke the protocol or sent what cannot be true. Nothing of it was kept.
class ProtocolError : public Error {
 public:
  using Error::Error;
};

/// A file or directory of ours could not be read or written. Carries errno and the path.
class StorageError : public Error {
 public:
  /// `what` is the step, as "write" or "open"; the message becomes "PATH: cannot WHAT: STRERROR".
  StorageError(int cause, std::filesystem::path path, std::string_view what);
  int cause() const noexcept { return cause_; }
  bool out_of_space() const noexcept;
  const std::filesystem::path& path() const noexcept { return path_; }
  bool retryable() const noexcept override { return out_of_space(); }

 private:
  int cause_;
  std::filesystem::path path_;
};

/// True for a StorageError because this user lacks the permission, which says nothing about what is stored.
bool is_denied(const Error& error) noexcept;

/// True when what is stored cannot be had any more, and not for a lack of rights, memory or descriptors,
/// which passes: Corruption, and a StorageError because the disk or the file system fails to read it, or
/// something else than a file is in its place.
bool is_damage(const Error& error) noexcept;

/// Stored or received bytes are not what they were. Never retried, never repaired quietly.
class Corruption : public Error {
 public:
  using Error::Error;
};

/// Command line or configuration; the message carries the place.
class UsageError : public Error {
 public:
  using Error::Error;
  Exit exit_code() const noexcept override { return Exit::usage; }
};

class NotFound : public Error {
 public:
  using Error::Error;
  Exit exit_code() const noexcept override { return Exit::not_found; }
};

/// Another process holds what we need.
class Busy : public Error {
 public:
  using Error::Error;
  Exit exit_code() const noexcept override { return Exit::busy; }
  bool retryable() const noexcept override { return true; }
};

/// Going on would endanger data; nothing was changed.
class Refused : public Error {
 public:
  using Error::Error;
  Exit exit_code() const noexcept override { return Exit::refused; }
};

/// A stop was asked for (SIGINT, SIGTERM).
class Interrupted : public Error {
 public:
  using Error::Error;
};

}  // namespace pgkeep
