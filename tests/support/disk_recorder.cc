#include "tests/support/disk_recorder.h"

#include <atomic>
#include <fcntl.h>
#include <stdexcept>
#include <system_error>

#include <sys/stat.h>

namespace pgkeep::test {
namespace {

/// Guards the recorder at work and all that it has. Never destroyed: calls come until the very end.
std::mutex& recording() {
  static auto* mutex = new std::mutex;
  return *mutex;
}

std::atomic<DiskRecorder*> at_work{nullptr};

}  // namespace

DiskRecorder::DiskRecorder(const std::filesystem::path& root) {
  struct stat status {};
  const auto add = [&](const std::filesystem::path& path) {
    if (::lstat(path.c_str(), &status) != 0)
      throw std::system_error(errno, std::generic_category(), path.native());
    device_ = status.st_dev;
    known_.insert(status.st_ino);
  };
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) add(entry.path());
  add(root);
  const std::scoped_lock lock(recording());
  if (at_work != nullptr) throw std::logic_error("another DiskRecorder is at work");
  at_work = this;
}

DiskRecorder::~DiskRecorder() {
  stop();
}

std::vector<DiskStep> DiskRecorder::stop() {
  const std::scoped_lock lock(recording());
  if (at_work == this) at_work = nullptr;
  return std::exchange(steps_, {});
}

void DiskRecorder::listen(Listener listener) {
  const std::scoped_lock lock(recording());
  listener_ = std::move(listener);
}

void DiskRecorder::note(std::string what, std::uint64_t number) {
  if (Held held; held) held.add({.kind = DiskStep::Kind::note, .number = number, .bytes = std::move(what)});
}

DiskRecorder::Held::Held() {
  if (at_work == nullptr) return;  // all calls of the process come here: it must cost nothing
  lock_ = std::unique_lock(recording());
  recorder_ = at_work;
}

void DiskRecorder::Held::release() {
  recorder_ = nullptr;
  if (lock_) lock_.unlock();
}

ino_t DiskRecorder::Held::file_of(int fd) const {
  struct stat status {};
  if (::fstat(fd, &status) != 0 || status.st_dev != recorder_->device_) return 0;
  return recorder_->known_.contains(status.st_ino) ? status.st_ino : 0;
}

std::optional<DiskRecorder::Held::Name> DiskRecorder::Held::name_of(int directory, const char* path) const {
  std::filesystem::path entry(path);
  if (!entry.has_filename()) entry = entry.parent_path();  // "FOLDER/"
  const auto parent = entry.parent_path();
  struct stat status {};
  if (::fstatat(directory, parent.empty() ? "." : parent.c_str(), &status, 0) != 0) return std::nullopt;
  if (status.st_dev != recorder_->device_ || !recorder_->known_.contains(status.st_ino)) return std::nullopt;
  return Name{status.st_ino, entry.filename().native()};
}

ino_t DiskRecorder::Held::standing_at(int directory, const char* path) {
  struct stat status {};
  return ::fstatat(directory, path, &status, AT_SYMLINK_NOFOLLOW) == 0 ? status.st_ino : 0;
}

void DiskRecorder::Held::add(DiskStep step) {
  recorder_->steps_.push_back(std::move(step));
}

void DiskRecorder::Held::made(DiskStep::Kind kind, ino_t file, const std::optional<Name>& name,
                              std::string target) {
  recorder_->known_.insert(file);
  DiskStep step{.kind = kind, .file = file, .bytes = std::move(target)};
  if (name) {
    step.folder = name->folder;
    step.name = name->name;
  }
  add(std::move(step));
}

void DiskRecorder::Held::sending(std::string_view bytes) {
  if (!recorder_->listener_) return;
  for (auto& step : recorder_->listener_(bytes)) add(std::move(step));
}

}  // namespace pgkeep::test
