#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "catalog/records/stream_state.h"
#include "server/terminal/log.h"

namespace pgkeep::server {

/// Writes stream.json of each stream when its phase has changed, and every few seconds when its positions
/// have moved: in a thread of its own, so that a disk that is full or hangs holds up nobody else. A failed
/// write is logged once, and tried again. Beside that it notes now and then how full the repository's file
/// system is (store::sample_space()).
///
/// Where another process receives, the file is left to that one. Threads: any.
class StateWriter {
 public:
  struct Stream {
    store::ServerLayout layout;
    catalog::StreamState state;
  };
  StateWriter(std::function<std::vector<Stream>()> streams, Log log);
  StateWriter(const StateWriter&) = delete;
  StateWriter& operator=(const StateWriter&) = delete;
  ~StateWriter();

  /// Something has changed that is to be written soon.
  void wake();
  /// Writes all a last time and ends, as the destructor does. False when the disk does not answer for so
  /// long: the destructor would wait for it.
  bool finish(std::chrono::milliseconds at_most);
  /// False when the thread has done nothing for that long, although it was not waiting for the disk.
  bool alive(std::chrono::milliseconds silent_for) const;

 private:
  void work(const std::stop_token& stop);
  void write_all(bool positions_too);
  void sample_space();
  void write(const Stream& stream);
  void beat(bool in_disk);

  std::function<std::vector<Stream>()> streams_;
  Log log_;
  std::map<std::filesystem::path, catalog::StreamState> written_;  // the thread's, like the next
  std::set<std::filesystem::path> failing_;                        // and it was said
  std::chrono::steady_clock::time_point next_sample_;

  mutable std::mutex mutex_;  // guards the following
  std::condition_variable_any changed_;
  bool wanted_ = false;
  bool ended_ = false;
  bool in_disk_ = false;
  std::chrono::steady_clock::time_point last_beat_;
  std::jthread thread_;  // last: it uses all of the above
};

}  // namespace pgkeep::server
