#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <map>
#include <optional>
#include <pwd.h>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>
#include <sys/stat.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/io/handle.h"
#include "catalog/io/units.h"
#include "recover/delivery.h"
#include "recover/file_sink.h"
#include "recover/workers.h"

namespace pgkeep::recover {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const fs::path& path, std::string_view what) {
  const int cause = errno;
  throw StorageError(cause, path, what);
}

struct Owner {
  uid_t uid = 0;
  gid_t gid = 0;
};

/// Nothing when there is nothing under the name.
std::optional<struct stat> status_of(const fs::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0) return status;
  if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
  fail(path, "look at");
}

std::string user_name(uid_t uid) {
  std::vector<char> buffer(4096);
  passwd entry{};
  passwd* found = nullptr;
  ::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found);
  return found != nullptr ? found->pw_name : std::to_string(uid);
}

class LocalDelivery final : public Delivery {
 public:
  explicit LocalDelivery(unsigned jobs)
      : workers_(jobs == 0 ? 2 * worker_count(0) : worker_count(jobs)), buffers_(workers_) {}

  void check(const std::vector<DeliveryRoot>& roots) override;
  StartFacts start_facts(int major_version) override;
  unsigned workers() const override { return workers_; }
  void make_directory(const std::string& path, std::uint32_t mode) override;
  void make_symlink(const std::string& path, const std::string& target) override;
  void write_files(const std::function<bool(DeliveredFile&)>& next, std::stop_token stop) override;
  void finish() override;

 private:
  void write_file(const DeliveredFile& file, unsigned worker);

  unsigned workers_;
  std::vector<WriteBuffer> buffers_;  // one a worker
  std::vector<DeliveryRoot> roots_;
  Owner owner_;
  bool give_away_ = false;               // to owner_: we are root, and it is not
  bool sync_at_once_ = false;            // finish() was called: what comes now is made durable file by file
  std::vector<std::string> made_roots_;  // of the roots those that were not there
};

void require_empty(const fs::path& directory) {
  if (status_of(directory / "postmaster.pid")) {
    throw Refused(
        fmt::format("{}: a PostgreSQL server runs here, or did when the machine went down (postmaster.pid); "
                    "choose another directory",
                    directory.native()));
  }
  std::error_code error;
  const fs::directory_iterator entries(directory, error);
  if (error) throw StorageError(error.value(), directory, "list the directory");
  if (entries == fs::directory_iterator()) return;
  const auto first = entries->path().filename().native();
  if (first == "lost+found") {
    throw Refused(fmt::format(
        "{}: this is the root of a file system (lost+found), which PostgreSQL does not take; choose "
        "a directory in it",
        directory.native()));
  }
  throw Refused(fmt::format("{}: not empty (there is {}); choose a directory that is empty or does not exist",
                            directory.native(), first));
}

/// The directory if it is there, else the one it will be made in.
fs::path existing_place(const fs::path& directory) {
  const auto status = status_of(directory);
  if (status) {
    if (!S_ISDIR(status->st_mode)) throw Refused(fmt::format("{}: not a directory", directory.native()));
    require_empty(directory);
    return directory;
  }
  auto parent = directory.parent_path();
  const auto above = status_of(parent);
  if (!above || !S_ISDIR(above->st_mode)) {
    throw Refused(fmt::format(
        "{}: the directory above it does not exist; is a file system not mounted? Otherwise make {} "
        "first",
        directory.native(), parent.native()));
  }
  return parent;
}

void LocalDelivery::check(const std::vector<DeliveryRoot>& roots) {
  struct FileSystem {
    fs::path place;
    std::uint64_t needed = 0;
  };
  std::map<dev_t, FileSystem> file_systems;
  for (const auto& root : roots) {
    const auto place = existing_place(root.directory);
    if (::access(place.c_str(), R_OK | W_OK | X_OK) != 0) {
      throw Refused(fmt::format("{}: {} may not read and write {}", root.directory, user_name(::geteuid()),
                                place.native()));
    }
    const auto status = status_of(place);
    auto& file_system = file_systems[status->st_dev];
    file_system.place = place;
    file_system.needed += root.bytes_needed;
    if (&root == &roots.front()) owner_ = {status->st_uid, status->st_gid};
  }
  for (const auto& [device, file_system] : file_systems) {
    const auto free = io::free_space(file_system.place);
    if (free < file_system.needed) {
      throw Refused(fmt::format("{}: {} are needed on this file system, and {} are free",
                                file_system.place.native(), io::format_bytes(file_system.needed),
                                io::format_bytes(free)));
    }
  }
  roots_ = roots;
  give_away_ = ::geteuid() == 0 && owner_.uid != 0;
}

StartFacts LocalDelivery::start_facts(int major_version) {
  StartFacts facts{.user = user_name(give_away_ ? owner_.uid : ::geteuid()),
                   .as_root = ::geteuid() == 0,
                   .pg_ctl = "pg_ctl"};
  for (const auto& path : {fmt::format("/usr/lib/postgresql/{}/bin/pg_ctl", major_version),
                           fmt::format("/usr/pgsql-{}/bin/pg_ctl", major_version)}) {
    if (::access(path.c_str(), X_OK) == 0) facts.pg_ctl = path;
  }
  const auto parent = status_of(fs::path(roots_.front().directory).parent_path());
  const auto uid = give_away_ ? owner_.uid : ::geteuid();
  constexpr mode_t kSharedLikeTmp = S_IWOTH | S_ISVTX;
  facts.log_beside = parent && ((parent->st_uid == uid && (parent->st_mode & S_IWUSR) != 0) ||
                                (parent->st_mode & kSharedLikeTmp) == kSharedLikeTmp);
  return facts;
}

void LocalDelivery::make_directory(const std::string& path, std::uint32_t mode) {
  const bool made = ::mkdir(path.c_str(), mode) == 0;
  if (!made && errno != EEXIST) fail(path, "make the directory");
  const bool is_root = std::ranges::find(roots_, path, &DeliveryRoot::directory) != roots_.end();
  if (made && is_root) made_roots_.push_back(path);
  if (give_away_ && ::chown(path.c_str(), owner_.uid, owner_.gid) != 0) fail(path, "set the owner");
  if (::chmod(path.c_str(), mode) != 0) fail(path, "set the mode");
}

void LocalDelivery::make_symlink(const std::string& path, const std::string& target) {
  if (::symlink(target.c_str(), path.c_str()) != 0) fail(path, "make the symbolic link");
  if (give_away_ && ::lchown(path.c_str(), owner_.uid, owner_.gid) != 0) fail(path, "set the owner");
}

void LocalDelivery::write_file(const DeliveredFile& file, unsigned worker) {
  auto out = io::File::create(file.path, file.mode);
  FileSink sink(out, buffers_[worker], file.size);
  file.content(sink, worker);
  sink.finish();
  if (sink.written() != file.size) {
    throw Corruption(
        fmt::format("{}: {} bytes came where {} were announced", file.path, sink.written(), file.size));
  }
  if (give_away_ && ::fchown(out.fd(), owner_.uid, owner_.gid) != 0) fail(file.path, "set the owner");
  const timespec modified{.tv_sec = file.modified, .tv_nsec = 0};
  if (const timespec times[] = {modified, modified}; ::futimens(out.fd(), times) != 0)
    fail(file.path, "set the time of modification");
  if (sync_at_once_) {
    out.sync();
  } else {
    out.start_writeback(0, file.size);
  }
  out.close();
  if (sync_at_once_) io::sync_directory(fs::path(file.path).parent_path());
}

void LocalDelivery::write_files(const std::function<bool(DeliveredFile&)>& next, std::stop_token stop) {
  for_each_item<DeliveredFile>(
      workers_, next, stop, [this](const DeliveredFile& file, unsigned worker) { write_file(file, worker); });
}

/// fsync of a file or directory.
void sync_entry(const fs::path& path) {
  const io::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) fail(path, "open to sync it");
  if (::fsync(fd.get()) != 0) fail(path, "sync");
}

/// The files and directories below one, but for symbolic links; one after the other.
class TreeWalk {
 public:
  explicit TreeWalk(const fs::path& root) : root_(root), at_(root, error_) { check(); }
  bool next(fs::path& path) {
    for (; at_ != fs::recursive_directory_iterator(); advance()) {
      if (at_->is_symlink()) continue;
      path = at_->path();
      advance();
      return true;
    }
    return false;
  }

 private:
  void advance() {
    at_.increment(error_);
    check();
  }
  void check() const {
    if (error_) throw StorageError(error_.value(), root_, "list the directory");
  }
  std::error_code error_;
  fs::path root_;
  fs::recursive_directory_iterator at_;
};

/// Each file by itself, rather than whole file systems: others write there too, and need not be waited for.
/// It takes little, since all is on its way to the disk already and the first of them commits the journal for
/// the rest.
void LocalDelivery::finish() {
  if (std::exchange(sync_at_once_, true)) return;
  for (const auto& root : roots_) {
    sync_entry(root.directory);
    TreeWalk walk(root.directory);
    // More than there are processors: they wait for the disk.
    constexpr unsigned kSyncers = 8;
    for_each_item<fs::path>(
        kSyncers, [&walk](fs::path& path) { return walk.next(path); }, {},
        [](const fs::path& path, unsigned) { sync_entry(path); });
  }
  for (const auto& root : made_roots_) sync_entry(fs::path(root).parent_path());
}

}  // namespace

std::unique_ptr<Delivery> local_delivery(unsigned jobs) {
  return std::make_unique<LocalDelivery>(jobs);
}

}  // namespace pgkeep::recover
