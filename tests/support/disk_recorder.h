#pragma once

#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include <sys/types.h>

#include "tests/support/disk_steps.h"

namespace pgkeep::test {

/// Records what this process does to the files below a directory while it lives, whichever library does it.
///
/// The program that has this class defines the C library's calls that change files (disk_calls.cc), so that
/// its own objects and the shared libraries, SQLite among them, come here without knowing it. A call and its
/// record are one: all others that change files wait meanwhile, so that the order of the steps is the order
/// in which they were done, also of several threads. What goes round these calls (the C library's own
/// streams, memory that is mapped to a file) is not seen; who compares the files with the steps in the end
/// notices (PowerCuts does).
///
/// One at a time in a process. Threads: any may change files and add notes.
class DiskRecorder {
 public:
  explicit DiskRecorder(const std::filesystem::path& root);
  ~DiskRecorder();
  DiskRecorder(const DiskRecorder&) = delete;
  DiskRecorder& operator=(const DiskRecorder&) = delete;

  /// Notes that something was promised now; nothing when nobody records.
  static void note(std::string what, std::uint64_t number = 0);
  /// Is given what this process is about to send over a socket, in order and before the peer can have it, and
  /// says what is to be noted of it. Must not call back.
  using Listener = std::function<std::vector<DiskStep>(std::string_view sent)>;
  void listen(Listener listener);
  /// Ends recording.
  std::vector<DiskStep> stop();

  /// The recorder at work, or none, for disk_calls.cc: the call to be recorded is made while it is held.
  class Held {
   public:
    Held();
    explicit operator bool() const noexcept { return recorder_ != nullptr; }
    void release();

    /// The number of an open file or folder of the tree; 0 for all else.
    ino_t file_of(int fd) const;
    /// A name in a folder of the tree; nothing for all else.
    struct Name {
      ino_t folder;
      std::string name;
    };
    std::optional<Name> name_of(int directory, const char* path) const;
    /// What stands under that name now, of whatever kind; 0 when nothing does.
    static ino_t standing_at(int directory, const char* path);

    void add(DiskStep step);
    void made(DiskStep::Kind kind, ino_t file, const std::optional<Name>& name, std::string target = {});
    void sending(std::string_view bytes);

   private:
    std::unique_lock<std::mutex> lock_;
    DiskRecorder* recorder_ = nullptr;
  };

 private:
  dev_t device_ = 0;
  std::unordered_set<ino_t> known_;  // the files and folders of the tree
  std::vector<DiskStep> steps_;
  Listener listener_;
};

}  // namespace pgkeep::test
