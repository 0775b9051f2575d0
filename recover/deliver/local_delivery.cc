#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <map>
#include <optional>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>
#include <sys/stat.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/io/handle.h"
#include "catalog/io/no_links.h"
#include "catalog/io/units.h"
#include "catalog/io/user.h"
#include "catalog/io/work_queue.h"
#include "recover/deliver/acting_as.h"
#include "recover/deliver/delivery.h"
#include "recover/deliver/file_sink.h"
#include "recover/deliver/trusted_path.h"

namespace pgkeep::recover {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const fs::path& path, std::string_view what) {
  const int cause = errno;
  throw StorageError(cause, path, what);
}

/// Nothing when there is nothing under the name.
std::optional<struct stat> status_of(const fs::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0) return status;
  if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
  fail(path, "look at");
}

/// A directory that holds a part of the cluster, reached once, so that nobody can put another in its place.
struct Root {
  std::string directory;  // as the plan names it
  fs::path real;          // the same without links
  io::UniqueFd fd;        // once it is made
  bool made = false;      // it was not there
};

/// Something at the destination: a root, and the path below it, which is empty for the root itself.
struct PlaceBelow {
  Root* root;
  fs::path below;
};

class LocalDelivery final : public Delivery {
 public:
  explicit LocalDelivery(unsigned jobs)
      : workers_(jobs == 0 ? 2 * io::worker_count(0) : io::worker_count(jobs)), buffers_(workers_) {}

  void check(const std::vector<DeliveryRoot>& roots) override;
  StartFacts start_facts(int major_version) override;
  unsigned workers() const override { return workers_; }
  void make_directory(const std::string& path, std::uint32_t mode) override;
  void make_symlink(const std::string& path, const std::string& target) override;
  void write_files(const std::function<void(const Give&)>& all, std::stop_token stop) override;
  void finish() override;

 private:
  void examine(const DeliveryRoot& root, bool first);
  void require_room(const std::vector<DeliveryRoot>& roots) const;
  PlaceBelow place_of(const std::string& path);
  void open_root(Root& root, std::uint32_t mode);
  void write_file(const DeliveredFile& file, unsigned worker);
  void sync_root(const Root& root) const;

  unsigned workers_;
  std::vector<WriteBuffer> buffers_;  // one a worker
  std::vector<Root> roots_;
  Owner owner_;
  std::optional<Owner> acting_as_;  // owner_, when we are root, and it is not
  bool sync_at_once_ = false;       // finish() was called: what comes now is made durable file by file
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
    throw Refused(
        fmt::format("{}: this is the root of a file system (lost+found), which PostgreSQL does not take; "
                    "choose a directory in it",
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
        "{}: the directory above it does not exist; is a file system not mounted? Otherwise make {} first",
        directory.native(), parent.native()));
  }
  return parent;
}

void LocalDelivery::check(const std::vector<DeliveryRoot>& roots) {
  roots_.clear();
  for (const auto& root : roots) {
    try {
      examine(root, &root == &roots.front());
    } catch (const Refused& refused) {
      refuse(root, refused.what());
    }
  }
  require_room(roots);
}

void LocalDelivery::examine(const DeliveryRoot& root, bool first) {
  auto real = trusted_path(root.directory);
  const auto place = existing_place(real);
  if (::access(place.c_str(), R_OK | W_OK | X_OK) != 0) {
    throw Refused(fmt::format("{}: {} may not read and write {}", root.directory, io::user_name(::geteuid()),
                              place.native()));
  }
  const auto status = status_of(place);
  if (first) {
    owner_ = {status->st_uid, status->st_gid};
    acting_as_.reset();
    if (::geteuid() == 0 && owner_.uid != 0) acting_as_ = owner_;
  } else if (::geteuid() == 0 && status->st_uid != owner_.uid && (place == real || status->st_uid != 0)) {
    throw Refused(fmt::format(
        "{}: {} belongs to {}, and the data directory will belong to {}; give it to that user first",
        root.directory, place.native(), io::user_name(status->st_uid), io::user_name(owner_.uid)));
  }
  if (::geteuid() == 0 && !root.named && place != real && status->st_uid == 0) {
    throw Refused(
        fmt::format("{}: the server chose this place, and root makes no directory there; "
                    "make it first, for the user who will run PostgreSQL",
                    root.directory));
  }
  roots_.push_back({.directory = root.directory, .real = std::move(real), .fd = {}, .made = false});
}

void LocalDelivery::require_room(const std::vector<DeliveryRoot>& roots) const {
  struct FileSystem {
    fs::path place;
    const DeliveryRoot* root = nullptr;  // the last one there, which may go elsewhere more easily
    std::uint64_t needed = 0;
  };
  std::map<dev_t, FileSystem> file_systems;
  for (std::size_t i = 0; i < roots.size(); ++i) {
    const auto place = existing_place(roots_[i].real);
    auto& file_system = file_systems[status_of(place)->st_dev];
    file_system.place = place;
    if (file_system.root == nullptr || roots[i].bytes_needed > 0) file_system.root = &roots[i];
    file_system.needed += roots[i].bytes_needed;
  }
  for (const auto& [device, file_system] : file_systems) {
    const auto free = io::free_space(file_system.place);
    if (free < file_system.needed) {
      refuse(*file_system.root,
             fmt::format("{}: {} are needed on this file system, and {} are free", file_system.place.native(),
                         io::format_bytes(file_system.needed), io::format_bytes(free)));
    }
  }
}

StartFacts LocalDelivery::start_facts(int major_version) {
  StartFacts facts{.user = io::user_name(acting_as_ ? owner_.uid : ::geteuid()),
                   .as_root = ::geteuid() == 0,
                   .pg_ctl = "pg_ctl"};
  for (const auto& path : {fmt::format("/usr/lib/postgresql/{}/bin/pg_ctl", major_version),
                           fmt::format("/usr/pgsql-{}/bin/pg_ctl", major_version)}) {
    if (::access(path.c_str(), X_OK) == 0) facts.pg_ctl = path;
  }
  const auto parent = status_of(roots_.front().real.parent_path());
  const auto uid = acting_as_ ? owner_.uid : ::geteuid();
  constexpr mode_t kSharedLikeTmp = S_IWOTH | S_ISVTX;
  facts.log_beside = parent && ((parent->st_uid == uid && (parent->st_mode & S_IWUSR) != 0) ||
                                (parent->st_mode & kSharedLikeTmp) == kSharedLikeTmp);
  return facts;
}

PlaceBelow LocalDelivery::place_of(const std::string& path) {
  for (auto& root : roots_) {
    if (path == root.directory) return {&root, {}};
    if (path.starts_with(root.directory) && path[root.directory.size()] == '/')
      return {&root, path.substr(root.directory.size() + 1)};
  }
  throw Error(fmt::format("{}: lies outside of the directories that were checked", path));
}

/// Made by the owner, or, where only root may make something, by root and given to the owner. Nobody but root
/// can put something else in its place there.
void LocalDelivery::open_root(Root& root, std::uint32_t mode) {
  const auto place = io::place_without_links(AT_FDCWD, root.real);
  struct stat above {};
  if (!place.directory || ::fstat(place.directory.get(), &above) != 0) fail(root.real, "make the directory");
  const bool by_root = acting_as_ && above.st_uid == 0;
  {
    const ActingAs owner(by_root ? std::nullopt : acting_as_);
    root.made = ::mkdirat(place.directory.get(), place.name.c_str(), mode) == 0;
    if (!root.made && errno != EEXIST) fail(root.real, "make the directory");
  }
  root.fd = io::open_without_links(place.directory.get(), place.name, O_RDONLY | O_DIRECTORY);
  if (!root.fd) fail(root.real, "open the directory");
  if (root.made && by_root && ::fchown(root.fd.get(), owner_.uid, owner_.gid) != 0)
    fail(root.real, "set the owner");
  const ActingAs owner(acting_as_);
  if (::fchmod(root.fd.get(), mode) != 0) fail(root.real, "set the mode");
}

void LocalDelivery::make_directory(const std::string& path, std::uint32_t mode) {
  const auto [root, below] = place_of(path);
  if (below.empty()) return open_root(*root, mode);
  const ActingAs owner(acting_as_);
  const auto place = io::place_without_links(root->fd.get(), below);
  if (!place.directory) fail(path, "make the directory");
  if (::mkdirat(place.directory.get(), place.name.c_str(), mode) != 0 && errno != EEXIST)
    fail(path, "make the directory");
  const auto made = io::open_without_links(place.directory.get(), place.name, O_RDONLY | O_DIRECTORY);
  if (!made) fail(path, "open the directory");
  if (::fchmod(made.get(), mode) != 0) fail(path, "set the mode");
}

void LocalDelivery::make_symlink(const std::string& path, const std::string& target) {
  const auto [root, below] = place_of(path);
  const ActingAs owner(acting_as_);
  const auto place = io::place_without_links(root->fd.get(), below);
  if (!place.directory || ::symlinkat(target.c_str(), place.directory.get(), place.name.c_str()) != 0)
    fail(path, "make the symbolic link");
}

/// fsync of a file or directory; `below` is empty for the directory itself.
void sync_entry(const Root& root, const fs::path& below) {
  // O_NONBLOCK: a FIFO under the name would hang us.
  const auto fd = io::open_without_links(root.fd.get(), below.empty() ? "." : below, O_RDONLY | O_NONBLOCK);
  if (!fd) fail(root.real / below, "open to sync it");
  if (::fsync(fd.get()) != 0) fail(root.real / below, "sync");
}

void LocalDelivery::write_file(const DeliveredFile& file, unsigned worker) {
  const auto [root, below] = place_of(file.path);
  auto out = [&] {
    const ActingAs owner(acting_as_);
    return io::File::create_below(root->fd.get(), below, file.path, file.mode);
  }();
  FileSink sink(out, buffers_[worker], file.size);
  file.content(sink, worker);
  sink.finish();
  if (sink.written() != file.size) {
    throw Corruption(
        fmt::format("{}: {} bytes came where {} were announced", file.path, sink.written(), file.size));
  }
  const timespec modified{.tv_sec = file.modified, .tv_nsec = 0};
  if (const timespec times[] = {modified, modified}; ::futimens(out.fd(), times) != 0)
    fail(file.path, "set the time of modification");
  if (sync_at_once_) {
    out.sync();
  } else {
    out.start_writeback(0, file.size);
  }
  out.close();
  if (sync_at_once_) sync_entry(*root, below.parent_path());
}

void LocalDelivery::write_files(const std::function<void(const Give&)>& all, std::stop_token stop) {
  write_by_workers(workers_, all, stop,
                   [this](const DeliveredFile& file, unsigned worker) { write_file(file, worker); });
}

/// Each file by itself, rather than whole file systems: others write there too, and need not be waited for.
/// It takes little, since all is on its way to the disk already and the first of them commits the journal for
/// the rest.
void LocalDelivery::finish() {
  if (std::exchange(sync_at_once_, true)) return;
  for (const auto& root : roots_) sync_root(root);
  for (const auto& root : roots_)
    if (root.made) io::sync_directory(root.real.parent_path());
}

void LocalDelivery::sync_root(const Root& root) const {
  sync_entry(root, {});
  // More than there are processors: they wait for the disk.
  constexpr unsigned kSyncers = 8;
  io::WorkQueue<fs::path> queue(
      kSyncers, [&root](unsigned) { return [&root](const fs::path& path) { sync_entry(root, path); }; },
      [] {});
  std::error_code error;
  for (fs::recursive_directory_iterator at(root.real, error); at != fs::recursive_directory_iterator();
       at.increment(error)) {
    if (!at->is_symlink()) queue.push(at->path().lexically_relative(root.real));
  }
  if (error) throw StorageError(error.value(), root.real, "list the directory");
  queue.finish();
}

}  // namespace

std::unique_ptr<Delivery> local_delivery(unsigned jobs) {
  return std::make_unique<LocalDelivery>(jobs);
}

}  // namespace pgkeep::recover
