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
#include "catalog/io/units.h"
#include "recover/delivery.h"
#include "recover/shell.h"
#include "recover/ssh_process.h"
#include "recover/tar_writer.h"
#include "recover/workers.h"

namespace pgkeep::recover {
namespace {

/// Connections at a time; sshd begins to turn unauthenticated ones away at ten (MaxStartups).
constexpr unsigned kMostConnections = 8;

/// What is written to a tar goes through a pipe, for which larger pieces are cheaper.
constexpr std::size_t kBufferBytes = 256u << 10;

/// Asked of the other host before anything is written. Prints a line a fact: its kind, a blank, the rest.
/// Everything in it is POSIX sh and coreutils. `examine` gets a root and the directory above it.
constexpr std::string_view kCheckScript = R"sh(
say() { printf '%s\n' "$*"; }
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

/// Takes a number and the blank behind it; throws ConnectionLost: what answers there is not our script.
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
  RemoteTar(const std::vector<std::string>& ssh_command, TarOwner owner, std::stop_token stop)
      : process_(ssh_command, "tar -xpf - -C /", std::move(stop)),
        buffered_(process_),
        writer_(buffered_, owner) {}

  TarWriter& writer() noexcept { return writer_; }
  void finish() {
    writer_.finish();
    buffered_.flush();
    process_.finish();
  }

 private:
  /// Gathers what is written to it.
  class Buffered final : public io::ByteSink {
   public:
    explicit Buffered(io::ByteSink& out) : out_(&out) { buffer_.reserve(kBufferBytes); }
    void write(io::ByteView bytes) override {
      if (buffer_.size() + bytes.size() > kBufferBytes) flush();
      if (bytes.size() >= kBufferBytes / 2) {
        flush();  // what came before goes before
        return out_->write(bytes);
      }
      buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
    }
    void flush() {
      if (!buffer_.empty()) out_->write(buffer_);
      buffer_.clear();
    }

   private:
    io::ByteSink* out_;
    io::ByteVector buffer_;
  };

  SshProcess process_;
  Buffered buffered_;
  TarWriter writer_;
};

/// Passes a file's content on into the tar.
class TarSink final : public io::ByteSink {
 public:
  explicit TarSink(TarWriter& tar) : tar_(&tar) {}
  void write(io::ByteView bytes) override { tar_->data(bytes); }

 private:
  TarWriter* tar_;
};

class SshDelivery final : public Delivery {
 public:
  SshDelivery(const std::string& ssh_command, unsigned jobs)
      : ssh_command_(split_command(ssh_command)), workers_(std::min(worker_count(jobs), kMostConnections)) {}

  void check(const std::vector<DeliveryRoot>& roots) override;
  StartFacts start_facts(int major_version) override;
  unsigned workers() const override { return workers_; }
  void make_directory(const std::string& path, std::uint32_t mode) override {
    pending_.push_back({.path = path, .mode = mode, .link = {}});
  }
  void make_symlink(const std::string& path, const std::string& target) override {
    pending_.push_back({.path = path, .mode = 0, .link = target});
  }
  void write_files(const std::function<bool(DeliveredFile&)>& next, std::stop_token stop) override;
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

  std::vector<std::string> ssh_command_;
  unsigned workers_;
  std::vector<DeliveryRoot> roots_;
  std::vector<Pending> pending_;  // made together, with the next files
  TarOwner owner_;
  bool give_away_ = false;  // to owner_: we are root there, and it is not
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

void SshDelivery::check(const std::vector<DeliveryRoot>& roots) {
  roots_ = roots;
  std::string script(kCheckScript);
  for (const auto& root : roots)
    script +=
        fmt::format("examine {} {}\n", shell_quote(root.directory), shell_quote(parent_of(root.directory)));
  weigh(parse_facts(run_script(script)));
}

void SshDelivery::weigh(const std::vector<Fact>& facts) {
  struct FileSystem {
    std::uint64_t free = 0;
    std::uint64_t needed = 0;
  };
  std::map<std::string, FileSystem> file_systems;  // by where it is mounted
  auto root = roots_.begin();
  bool owner_known = false;
  bool as_root = false;
  for (const auto& [kind, text] : facts) {
    std::string_view rest = text;
    if (kind == "refused") throw Refused(fmt::format("{}: {}", ssh_command_.back(), text));
    if (kind == "self") {
      as_root = take_number(rest) == 0;
      start_facts_ = {.user = std::string(rest), .as_root = as_root, .pg_ctl = {}, .log_beside = false};
    } else if (kind == "room" && root != roots_.end()) {
      const auto free = take_number(rest) * 1024;
      auto& file_system = file_systems[std::string(rest)];
      file_system.free = free;
      file_system.needed += root->bytes_needed;
      ++root;
    } else if (kind == "owner" && !owner_known) {  // that of the first root
      owner_ = {.uid = static_cast<std::uint32_t>(take_number(rest)),
                .gid = static_cast<std::uint32_t>(take_number(rest))};
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
      throw Refused(fmt::format("{}: {}: {} are needed on this file system, and {} are free",
                                ssh_command_.back(), mounted, io::format_bytes(file_system.needed),
                                io::format_bytes(file_system.free)));
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
  std::string script = "set -e\n";
  for (const auto& entry : pending_) {
    if (!is_root_directory(entry.path)) continue;
    const auto path = shell_quote(entry.path);
    script += fmt::format("[ -d {0} ] || mkdir {0}\n", path);
    if (give_away_) script += fmt::format("chown {}:{} {}\n", owner_.uid, owner_.gid, path);
    script += fmt::format("chmod {:o} {}\n", entry.mode, path);
  }
  const auto from_tar = std::stable_partition(pending_.begin(), pending_.end(), [this](const Pending& entry) {
    return entry.link.empty() && is_root_directory(entry.path);
  });
  if (from_tar != pending_.begin()) run_script(script);
  if (from_tar != pending_.end()) {
    RemoteTar tar(ssh_command_, give_away_ ? owner_ : TarOwner{}, stop);
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

void SshDelivery::write_files(const std::function<bool(DeliveredFile&)>& next, std::stop_token stop) {
  make_pending(stop);
  std::vector<std::unique_ptr<RemoteTar>> tars(workers_);
  for_each_item<DeliveredFile>(workers_, next, stop, [&](const DeliveredFile& file, unsigned worker) {
    auto& tar = tars[worker];
    if (!tar) tar = std::make_unique<RemoteTar>(ssh_command_, give_away_ ? owner_ : TarOwner{}, stop);
    tar->writer().begin_file(file.path.substr(1), file.size, file.mode, file.modified);
    TarSink sink(tar->writer());
    file.content(sink, worker);
    tar->writer().end_file();
  });
  for (const auto& tar : tars) {
    if (tar) tar->finish();
  }
}

void SshDelivery::finish() {
  make_pending({});
  std::string arguments = "set --";
  for (const auto& root : roots_) arguments += " " + shell_quote(root.directory);
  run_script(arguments + std::string(kSyncScript));
}

}  // namespace

std::unique_ptr<Delivery> ssh_delivery(const std::string& ssh_command, unsigned jobs) {
  return std::make_unique<SshDelivery>(ssh_command, jobs);
}

}  // namespace pgkeep::recover
