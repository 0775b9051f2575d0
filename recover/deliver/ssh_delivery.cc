#include <algorithm>
#include <charconv>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/io/shell.h"
#include "catalog/io/units.h"
#include "catalog/io/work_queue.h"
#include "recover/deliver/acting_as.h"
#include "recover/deliver/delivery.h"
#include "recover/deliver/ssh_process.h"
#include "recover/deliver/tar_writer.h"

namespace pgkeep::recover {
namespace {

/// Connections at a time; sshd begins to turn unauthenticated ones away at ten (MaxStartups).
constexpr unsigned kMostConnections = 8;

/// What is written to a tar goes through a pipe, for which larger pieces are cheaper.
constexpr std::size_t kBufferBytes = 256u << 10;

/// POSIX sh: whether nobody but root can put something else in place of a directory or of one above it. Gets
/// the root that is meant, for the message, and the directory.
constexpr std::string_view kOnlyRootChanges = R"sh(
say() { printf '%s\n' "$*"; }
only_root_changes() {
  way=$2
  while :; do
    case $(stat -c '%u %g %A' "$way") in
      "0 "*" d"???????w[!tT]) by=others ;;
      "0 0 "*) by=root ;;
      "0 "*" d"????w???[!tT]) by=others ;;
      "0 "*) by=root ;;
      *) by=others ;;
    esac
    if [ "$by" != root ]; then
      say "refused $1: root would write below $way, which others than root can change; connect as the user who will run PostgreSQL"; return 1
    fi
    if [ "$way" = / ]; then return 0; fi
    way=$(dirname "$way")
  done
}
)sh";

/// Asked of the other host before anything is written. Prints a line a fact: its kind, a blank, the rest.
/// Everything in it is POSIX sh and coreutils. `examine` gets a root, the directory above it, and whether
/// the operator named it.
///
/// Root there acts as the owner of the first root, by chroot(1), which is of coreutils: so no link that the
/// owner has planted leads where the owner could not write. What root does itself (in a directory of root, or
/// when all is to be root's) it does only where nobody else can change the way there.
constexpr std::string_view kCheckScript = R"sh(
user=
links_are_roots() {
  way=$1
  while [ "$way" != / ]; do
    if [ -h "$way" ] && [ "$(stat -c %u "$way")" != 0 ]; then
      say "refused $1: $way is a symbolic link that belongs to $(stat -c %U "$way"), who could lead what root writes to any other place; name the directory itself"; return 1
    fi
    way=$(dirname "$way")
  done
}
may_root_write() {
  links_are_roots "$1" || return 1
  owner=$(stat -L -c %u "$place")
  if [ -z "$user" ]; then
    user=$owner
    group=$(stat -L -c %g "$place")
    if [ "$user" != 0 ] && ! chroot --userspec="+$user:+$group" --groups= / true 2>/dev/null; then
      say "refused $1: root cannot act as $(stat -L -c %U "$place") there without chroot --userspec (coreutils); connect as that user"; return 1
    fi
  elif [ "$owner" != "$user" ] && { [ "$place" = "$1" ] || [ "$owner" != 0 ]; }; then
    say "refused $1: $place belongs to $(stat -L -c %U "$place"), and the data directory will belong to user $user; give it to that user first"; return 1
  fi
  if [ "$3" = unnamed ] && [ "$place" != "$1" ] && [ "$owner" = 0 ]; then
    say "refused $1: the server chose this place, and root makes no directory there; make it first, for the user who will run PostgreSQL"; return 1
  fi
  if [ "$user" = 0 ] || [ "$owner" = 0 ]; then
    only_root_changes "$1" "$place" && only_root_changes "$1" "$(readlink -f "$place")" || return 1
  fi
}
examine() {
  if [ -e "$1" ] || [ -h "$1" ]; then
    if [ ! -d "$1" ]; then say "refused $1: not a directory"; return; fi
    if [ -e "$1/postmaster.pid" ]; then
      say "refused $1: a PostgreSQL server runs there, or did when the machine went down (postmaster.pid); choose another directory"; return
    fi
    if [ ! -r "$1" ]; then say "refused $1: $(id -un) may not read it"; return; fi
    if [ -n "$(ls -A "$1/" | head -n 1)" ]; then
      say "refused $1: not empty; choose a directory that is empty or does not exist"; return
    fi
    place=$1
  elif [ -d "$2" ]; then
    place=$2
  else
    say "refused $1: the directory above it does not exist; is a file system not mounted? Otherwise make it first"; return
  fi
  if [ "$(id -u)" = 0 ]; then may_root_write "$1" "$2" "$3" || return 0; fi
  if [ ! -w "$place" ] || [ ! -x "$place" ]; then say "refused $1: $(id -un) may not write to $place"; return; fi
  df -Pk "$place" | { read -r _; read -r device _ _ available _ mounted; say "room $available $mounted"; }
  say "owner $(stat -L -c '%u %g %U' "$place")"
  say "above $(stat -L -c '%U' "$2")"
}
for program in tar sync df stat; do
  command -v "$program" >/dev/null || say "refused $program: there is no such program on that host; it is needed"
done
say "self $(id -u) $(id -un)"
for program in /usr/lib/postgresql/*/bin/pg_ctl /usr/pgsql-*/bin/pg_ctl; do
  if [ -x "$program" ]; then say "pg_ctl $program"; fi
done
)sh";

/// Syncs the file systems of its arguments: with -f where sync knows it, else all of them.
constexpr std::string_view kSyncScript = R"sh(
case $(sync --help 2>&1) in
  *--file-system*) sync -f "$@" ;;
  *) sync ;;
esac
)sh";

/// Makes a root, or takes the one that is there. Root makes it itself only in a directory of root. `owner` is
/// empty, or "UID:GID" of the user that root acts as by `as_owner`.
constexpr std::string_view kMakeRootScript = R"sh(set -e
umask 077
make_root() {
  if [ ! -d "$1" ]; then
    above=$(readlink -f "$2")
    if [ -n "$owner" ] && [ "$(stat -c %u "$above")" = 0 ]; then
      only_root_changes "$1" "$above" >&2 || exit 1
      mkdir "$above/${1##*/}"
      chown -h "$owner" "$above/${1##*/}"
    else
      as_owner mkdir "$1"
    fi
  fi
  as_owner chmod "$3" "$1"
}
)sh";

std::string parent_of(const std::string& path) {
  return std::filesystem::path(path).parent_path().native();
}

/// One line of the check's answer.
struct Fact {
  std::string kind;
  std::string text;
};

std::vector<Fact> parse_facts(std::string_view output) {
  std::vector<Fact> facts;
  while (!output.empty()) {
    const auto line = output.substr(0, output.find('\n'));
    output.remove_prefix(std::min(output.size(), line.size() + 1));
    const auto blank = line.find(' ');
    if (blank != line.npos)
      facts.push_back({std::string(line.substr(0, blank)), std::string(line.substr(blank + 1))});
  }
  return facts;
}

/// Takes a number and the blank after it; throws ConnectionLost: what answers there is not our script.
std::uint64_t take_number(std::string_view& text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{})
    throw ConnectionLost(fmt::format("the other host's answer cannot be understood: \"{}\"", text));
  text.remove_prefix(std::min(text.size(), static_cast<std::size_t>(end - text.data()) + 1));
  return value;
}

/// A tar at the other end that unpacks what is written to it.
class RemoteTar {
 public:
  RemoteTar(const std::vector<std::string>& ssh_command, const std::string& command, std::stop_token stop)
      : process_(ssh_command, command, std::move(stop)), writer_(process_, kBufferBytes) {}

  TarWriter& writer() noexcept { return writer_; }
  void finish() {
    writer_.finish();
    process_.finish();
  }

 private:
  SshProcess process_;
  TarWriter writer_;
};

class SshDelivery final : public Delivery {
 public:
  SshDelivery(const std::string& ssh_command, unsigned jobs)
      : ssh_command_(io::split_command(ssh_command)),
        workers_(std::min(io::worker_count(jobs), kMostConnections)) {}

  void check(const std::vector<DeliveryRoot>& roots) override;
  StartFacts start_facts(int major_version) override;
  unsigned workers() const override { return workers_; }
  void make_directory(const std::string& path, std::uint32_t mode) override {
    pending_.push_back({.path = path, .mode = mode, .link = {}});
  }
  void make_symlink(const std::string& path, const std::string& target) override {
    pending_.push_back({.path = path, .mode = 0, .link = target});
  }
  void write_files(const std::function<void(const Give&)>& all, std::stop_token stop) override;
  void finish() override;

 private:
  struct Pending {
    std::string path;
    std::uint32_t mode;
    std::string link;  // empty: a directory
  };
  std::string run_script(const std::string& script) const;
  void weigh(const std::vector<Fact>& facts);
  bool is_root_directory(const std::string& path) const {
    return std::ranges::find(roots_, path, &DeliveryRoot::directory) != roots_.end();
  }
  void make_pending(const std::stop_token& stop);
  /// "chroot … / " before a command that is to be run as the owner; nothing when we are that user.
  std::string as_owner() const;
  std::string tar_command() const { return as_owner() + "tar -xpf - -C /"; }

  std::vector<std::string> ssh_command_;
  unsigned workers_;
  std::vector<DeliveryRoot> roots_;
  std::vector<Pending> pending_;  // made together, with the next files
  Owner owner_;
  bool give_away_ = false;  // we are root there, and act as owner_
  StartFacts start_facts_;
  std::vector<std::string> pg_ctls_;  // those that packages have put there
  std::string owner_above_;           // of the directory above the first root
};

/// The script goes in through standard input, so that no login shell between takes it apart, whichever it is.
std::string SshDelivery::run_script(const std::string& script) const {
  SshProcess process(ssh_command_, "sh -s");
  process.write(io::as_bytes(script));
  return process.finish();
}

std::string SshDelivery::as_owner() const {
  if (!give_away_) return {};
  return fmt::format("chroot --userspec=+{}:+{} --groups= / ", owner_.uid, owner_.gid);
}

void SshDelivery::check(const std::vector<DeliveryRoot>& roots) {
  roots_ = roots;
  auto script = std::string(kOnlyRootChanges) + std::string(kCheckScript);
  for (const auto& root : roots)
    script += fmt::format("examine {} {} {}\n", io::shell_quote(root.directory),
                          io::shell_quote(parent_of(root.directory)), root.named ? "named" : "unnamed");
  weigh(parse_facts(run_script(script)));
}

void SshDelivery::weigh(const std::vector<Fact>& facts) {
  struct FileSystem {
    std::uint64_t free = 0;
    std::uint64_t needed = 0;
    const DeliveryRoot* root = nullptr;  // the last one there, which may go elsewhere more easily
  };
  std::map<std::string, FileSystem> file_systems;  // by where it is mounted
  auto root = roots_.begin();
  bool owner_known = false;
  bool as_root = false;
  for (const auto& [kind, text] : facts) {
    std::string_view rest = text;
    if (kind == "refused") {
      const auto reason = fmt::format("{}: {}", ssh_command_.back(), text);
      if (root == roots_.end()) throw Refused(reason);
      refuse(*root, reason);
    }
    if (kind == "self") {
      as_root = take_number(rest) == 0;
      start_facts_ = {.user = std::string(rest), .as_root = as_root, .pg_ctl = {}, .log_beside = false};
    } else if (kind == "room" && root != roots_.end()) {
      const auto free = take_number(rest) * 1024;
      auto& file_system = file_systems[std::string(rest)];
      file_system.free = free;
      file_system.needed += root->bytes_needed;
      if (file_system.root == nullptr || root->bytes_needed > 0) file_system.root = &*root;
      ++root;
    } else if (kind == "owner" && !owner_known) {  // that of the first root
      owner_ = {.uid = static_cast<uid_t>(take_number(rest)), .gid = static_cast<gid_t>(take_number(rest))};
      owner_known = true;
      give_away_ = as_root && owner_.uid != 0;
      if (give_away_) start_facts_.user = rest;
    } else if (kind == "above" && owner_above_.empty()) {  // that of the first root too
      owner_above_ = text;
    } else if (kind == "pg_ctl") {
      pg_ctls_.push_back(text);
    }
  }
  if (root != roots_.end() || !owner_known)
    throw ConnectionLost(
        fmt::format("{}: no answer to what was asked about the destination", ssh_command_.back()));
  for (const auto& [mounted, file_system] : file_systems) {
    if (file_system.free < file_system.needed) {
      refuse(*file_system.root,
             fmt::format("{}: {}: {} are needed on this file system, and {} are free", ssh_command_.back(),
                         mounted, io::format_bytes(file_system.needed), io::format_bytes(file_system.free)));
    }
  }
}

StartFacts SshDelivery::start_facts(int major_version) {
  auto facts = start_facts_;
  facts.pg_ctl = "pg_ctl";
  for (const auto& path : {fmt::format("/usr/lib/postgresql/{}/bin/pg_ctl", major_version),
                           fmt::format("/usr/pgsql-{}/bin/pg_ctl", major_version)}) {
    if (std::ranges::find(pg_ctls_, path) != pg_ctls_.end()) facts.pg_ctl = path;
  }
  facts.log_beside = owner_above_ == facts.user;
  return facts;
}

/// Roots by sh: tar would put a directory in the place of a symbolic link to one. All else by tar.
void SshDelivery::make_pending(const std::stop_token& stop) {
  auto script = std::string(kOnlyRootChanges) + std::string(kMakeRootScript);
  script += give_away_ ? fmt::format("owner={}:{}\n", owner_.uid, owner_.gid) : "owner=\n";
  script += fmt::format("as_owner() {{ {}\"$@\"; }}\n", as_owner());
  for (const auto& entry : pending_) {
    if (!is_root_directory(entry.path)) continue;
    script += fmt::format("make_root {} {} {:o}\n", io::shell_quote(entry.path),
                          io::shell_quote(parent_of(entry.path)), entry.mode);
  }
  const auto from_tar = std::stable_partition(pending_.begin(), pending_.end(), [this](const Pending& entry) {
    return entry.link.empty() && is_root_directory(entry.path);
  });
  if (from_tar != pending_.begin()) run_script(script);
  if (from_tar != pending_.end()) {
    RemoteTar tar(ssh_command_, tar_command(), stop);
    const auto now = std::chrono::floor<std::chrono::seconds>(io::now()).time_since_epoch().count();
    for (const auto& entry : std::span(from_tar, pending_.end())) {
      const auto name = entry.path.substr(1);
      if (entry.link.empty()) {
        tar.writer().directory(name, entry.mode, now);
      } else {
        tar.writer().symlink(name, entry.link);
      }
    }
    tar.finish();
  }
  pending_.clear();
}

void SshDelivery::write_files(const std::function<void(const Give&)>& all, std::stop_token stop) {
  make_pending(stop);
  std::vector<std::unique_ptr<RemoteTar>> tars(workers_);
  write_by_workers(workers_, all, stop, [&](const DeliveredFile& file, unsigned worker) {
    auto& tar = tars[worker];
    if (!tar) tar = std::make_unique<RemoteTar>(ssh_command_, tar_command(), stop);
    tar->writer().begin_file(file.path.substr(1), file.size, file.mode, file.modified);
    file.content(tar->writer(), worker);
    tar->writer().end_file();
  });
  for (const auto& tar : tars) {
    if (tar) tar->finish();
  }
}

void SshDelivery::finish() {
  make_pending({});
  std::string arguments = "set --";
  for (const auto& root : roots_) arguments += " " + io::shell_quote(root.directory);
  run_script(arguments + std::string(kSyncScript));
}

}  // namespace

std::unique_ptr<Delivery> ssh_delivery(const std::string& ssh_command, unsigned jobs) {
  return std::make_unique<SshDelivery>(ssh_command, jobs);
}

}  // namespace pgkeep::recover
