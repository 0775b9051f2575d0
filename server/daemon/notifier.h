#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace pgkeep::server {

/// What systemd wants to hear from a service of Type=notify; says nothing when no systemd asked
/// (NOTIFY_SOCKET). One thread.
class Notifier {
 public:
  Notifier();

  void ready();
  void reloading();
  void stopping();
  /// One line for `systemctl status`; the same as before is not sent again.
  void status(const std::string& line);
  /// That the program is alive, when it is time to say so again: well before half of what systemd allows.
  void alive();
  /// How often alive() has to be called at least.
  std::chrono::milliseconds interval() const;

 private:
  std::optional<std::chrono::microseconds> watchdog_;  // nothing: not asked for
  std::chrono::steady_clock::time_point next_alive_;
  std::string status_;
};

}  // namespace pgkeep::server
