#pragma once

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "server/cli/command.h"
#include "server/hooks/hooks.h"

namespace pgkeep::server {

// Arguments that several commands take, with one name and one explanation.

struct OneServer {
  std::string server;
  void declare(Syntax& syntax) {
    syntax.positional("SERVER", "the server, as named in the configuration", server);
  }
};

struct SomeServers {
  std::vector<std::string> servers;
  void declare(Syntax& syntax) {
    syntax.one_or_more("SERVER", "servers, as named in the configuration, or `all`", servers);
  }
};

struct AnyServers {
  std::vector<std::string> servers;
  void declare(Syntax& syntax) {
    syntax.any_number(
        "SERVER", "servers, as named in the configuration; without any, or with `all`, all of them", servers);
  }
};

/// Of commands around which the operator's programs are run.
struct HookArguments {
  bool no_hooks = false;
  WithHooks with_hooks() const { return no_hooks ? WithHooks::no : WithHooks::yes; }
  void declare(Syntax& syntax) {
    syntax.flag("--no-hooks", "leave out the programs of `hooks` in the configuration", no_hooks);
  }
};

struct OneBackup : OneServer {
  std::string backup;
  void declare(Syntax& syntax) {
    OneServer::declare(syntax);
    syntax.positional(
        "BACKUP",
        "the backup: its id or its name, the beginning of the id, `latest` (`last`) or `oldest` (`first`)",
        backup);
  }
};

/// How many threads or files at a time an operator may ask for.
inline constexpr unsigned kMostJobs = 64;
inline unsigned one_a_core() {
  return std::max(1U, std::thread::hardware_concurrency());
}

}  // namespace pgkeep::server
