#include "tests/support/ssh_server.h"

#include <filesystem>
#include <fstream>
#include <pwd.h>
#include <stdexcept>
#include <unistd.h>

#include <fmt/format.h>
#include <sys/stat.h>

#include "tests/support/postgres_cluster.h"
#include "tests/support/wait_until.h"

namespace pgkeep::test {
namespace {

constexpr auto kDaemon = "/usr/sbin/sshd";  // it wants to be called by its absolute path

void write(const std::filesystem::path& path, const std::string& content) {
  std::ofstream stream(path);
  stream << content;
  if (!stream.flush()) throw std::runtime_error("cannot write " + path.native());
}

}  // namespace

bool SshServer::available() {
  return std::filesystem::exists(kDaemon);
}

SshServer::SshServer() {
  const std::string directory = files_.path();
  for (const char* key : {"host_key", "user_key"})
    run_or_throw({{"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", files_ / key}});
  write(files_ / "authorized_keys", read_file(files_ / "user_key.pub"));
  write(files_ / "known_hosts",
        fmt::format("[127.0.0.1]:{} {}", port_.number(), read_file(files_ / "host_key.pub")));
  write(
      files_ / "sshd_config",
      fmt::format(
          "ListenAddress 127.0.0.1\nPort {0}\nHostKey {1}/host_key\nAuthorizedKeysFile {1}/authorized_keys\n"
          "StrictModes no\nUsePAM no\nPidFile none\nPasswordAuthentication no\n"
          "PermitRootLogin prohibit-password\n"
          // From a second level on, bash does not read the user's ~/.bashrc, which may take seconds.
          "SetEnv SHLVL=1\n",
          port_.number(), directory));
  write(
      files_ / "ssh_config",
      fmt::format("Host target\n  HostName 127.0.0.1\n  Port {0}\n  User {2}\n  IdentityFile {1}/user_key\n"
                  "  IdentitiesOnly yes\n  UserKnownHostsFile {1}/known_hosts\n  GlobalKnownHostsFile none\n"
                  "  StrictHostKeyChecking yes\n  BatchMode yes\n",
                  port_.number(), directory, ::getpwuid(::geteuid())->pw_name));
  if (::geteuid() == 0)
    std::filesystem::create_directories("/run/sshd");  // where root's sshd locks itself in
  daemon_ = std::make_unique<Process>(Command{{kDaemon, "-D", "-e", "-f", files_ / "sshd_config"}});
  daemon_->wait_for_output("Server listening on 127.0.0.1");
}

std::string SshServer::command() const {
  return fmt::format("ssh -F {} target", (files_ / "ssh_config").native());
}

void SshServer::let_postgres_in() const {
  give_to_postgres(files_.path());
}

}  // namespace pgkeep::test
