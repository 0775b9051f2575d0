#include "streaming/wire/conninfo.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <libpq-fe.h>
#include <memory>

#include <fmt/format.h>

#include "catalog/io/error.h"

namespace pgkeep::streaming {
namespace {

using OptionsPtr = std::unique_ptr<PQconninfoOption, io::FreeWith<PQconninfoFree>>;

/// libpq quotes what it did not understand, and a password with a blank in it is what it understands least.
/// So of its message only the part before the first quote is shown when there could be a password.
std::string safe_parse_error(std::string_view conninfo, std::string_view message) {
  const bool may_hold_password =
      conninfo.find("pass") != std::string_view::npos || conninfo.find('@') != std::string_view::npos;
  if (may_hold_password && message.starts_with("missing \"=\"")) return "missing \"=\" after a keyword";
  if (may_hold_password) message = message.substr(0, message.find('"'));
  while (!message.empty() && (message.back() == '\n' || message.back() == ' ' || message.back() == ':')) {
    message.remove_suffix(1);
  }
  return std::string(message);
}

OptionsPtr parse_options(std::string_view conninfo) {
  char* error = nullptr;
  OptionsPtr options(PQconninfoParse(std::string(conninfo).c_str(), &error));
  const std::unique_ptr<char, io::FreeWith<PQfreemem>> message(error);
  if (options == nullptr && message == nullptr) throw std::bad_alloc();
  if (options == nullptr) {
    throw UsageError(fmt::format(
        "the conninfo cannot be understood: {}; write it as \"host=… port=… user=…\" or as postgresql://…, "
        "values with blanks in single quotes",
        safe_parse_error(conninfo, message.get())));
  }
  return options;
}

bool is_secret(const PQconninfoOption& option) {
  return option.dispchar != nullptr && option.dispchar[0] == '*';  // as libpq marks password fields
}

std::string quote_value(std::string_view value) {
  const bool plain = !value.empty() && value.find_first_of(" \t\n'\\") == std::string_view::npos;
  if (plain) return std::string(value);
  std::string quoted = "'";
  for (const char c : value) {
    if (c == '\'' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "'";
}

std::string value_of(const Keywords& keywords, std::string_view name) {
  std::string value;
  for (const auto& [key, given] : keywords) {
    if (key == name) value = given;
  }
  return value;
}

/// With the options of the conninfo. SHOW transaction_read_only is the only way in which 13 tells a physical
/// connection whether it is a standby, and must not speak of a default that an operator has set. What the
/// client asks for goes before what is set for the server, the database and the role.
std::string physical_options(const Keywords& given) {
  const auto options = value_of(given, "options");
  return fmt::format("{}{}-c default_transaction_read_only=off", options, options.empty() ? "" : " ");
}

std::vector<std::string> split(std::string_view list) {
  std::vector<std::string> parts;
  for (;;) {
    const auto comma = list.find(',');
    parts.emplace_back(list.substr(0, comma));
    if (comma == std::string_view::npos) return parts;
    list.remove_prefix(comma + 1);
  }
}

Keywords common_keywords(const ConnectionSettings& settings, ConnectionKind kind, const Keywords& given) {
  // Keepalives notice a dead peer while we wait for data, tcp_user_timeout one that takes none.
  Keywords all{{"keepalives", "1"},       {"keepalives_idle", "30"},     {"keepalives_interval", "10"},
               {"keepalives_count", "3"}, {"tcp_user_timeout", "60000"}, {"dbname", "postgres"}};
  all.insert(all.end(), given.begin(), given.end());
  all.emplace_back("application_name", settings.application_name);
  if (kind == ConnectionKind::physical) {
    all.emplace_back("replication", "true");
    all.emplace_back("dbname", "replication");  // the server ignores it, the password file does not
    all.emplace_back("options", physical_options(given));
    all.emplace_back("client_encoding", "SQL_ASCII");  // no database, so nothing to convert from: bytes
  } else {
    all.emplace_back("replication", "false");
    if (!settings.database.empty()) all.emplace_back("dbname", settings.database);
    all.emplace_back("client_encoding", "UTF8");
  }
  return all;
}

/// Each host's own host, hostaddr and port. Empty when libpq would find the lists at odds.
std::vector<Keywords> spread_hosts(const Keywords& given) {
  const auto names = split(value_of(given, "host"));
  const auto addresses = split(value_of(given, "hostaddr"));
  const auto ports = split(value_of(given, "port"));
  const auto count = std::max(names.size(), addresses.size());

  std::vector<Keywords> hosts(count);
  const auto spread = [&](const char* keyword, const std::vector<std::string>& values, bool one_serves_all) {
    if (values.size() != count && !(values.size() == 1 && one_serves_all)) return false;
    for (std::size_t i = 0; i < count; ++i) {
      hosts[i].emplace_back(keyword, values[values.size() == 1 ? 0 : i]);
    }
    return true;
  };
  const bool agree = spread("host", names, names[0].empty()) &&
                     spread("hostaddr", addresses, addresses[0].empty()) && spread("port", ports, true);
  return agree ? hosts : std::vector<Keywords>{};
}

}  // namespace

Keywords parse_conninfo(std::string_view conninfo) {
  if (conninfo.find('\0') != std::string_view::npos) throw UsageError("the conninfo holds a zero byte");
  const auto options = parse_options(conninfo);
  Keywords keywords;
  for (const auto* option = options.get(); option->keyword != nullptr; ++option) {
    if (option->val != nullptr) keywords.emplace_back(option->keyword, option->val);
  }
  return keywords;
}

std::vector<Keywords> connection_attempts(const ConnectionSettings& settings, ConnectionKind kind) {
  const auto given = parse_conninfo(settings.conninfo);
  auto common = common_keywords(settings, kind, given);
  const auto hosts = spread_hosts(given);
  if (hosts.size() <= 1) return {common};  // one host, or lists that libpq is to refuse in its own words

  // An empty element means a default, but an empty value would leave the whole list in force.
  std::erase_if(common, [](const auto& keyword) {
    return keyword.first == "host" || keyword.first == "hostaddr" || keyword.first == "port";
  });

  std::vector<Keywords> attempts;
  const auto add_pass = [&](const Keywords& extra) {
    for (const auto& host : hosts) {
      auto& attempt = attempts.emplace_back(common);
      attempt.insert(attempt.end(), host.begin(), host.end());
      attempt.insert(attempt.end(), extra.begin(), extra.end());
    }
  };
  if (value_of(given, "target_session_attrs") == "prefer-standby") {
    add_pass({{"target_session_attrs", "standby"}});
    add_pass({{"target_session_attrs", "any"}});
  } else {
    add_pass({});
  }
  return attempts;
}

std::vector<std::string> split_hosts(std::string_view conninfo) {
  const auto given = parse_conninfo(conninfo);
  auto hosts = spread_hosts(given);
  if (hosts.empty()) return {std::string(conninfo)};
  std::vector<std::string> conninfos;
  for (const auto& host : hosts) {
    std::string text = "target_session_attrs=any";
    const auto add = [&](const auto& keyword) {
      text += fmt::format(" {}={}", keyword.first, quote_value(keyword.second));
    };
    for (const auto& keyword : given) {
      const bool of_one_host =
          keyword.first == "host" || keyword.first == "hostaddr" || keyword.first == "port";
      if (!of_one_host && keyword.first != "target_session_attrs") add(keyword);
    }
    for (const auto& keyword : host) {
      if (!keyword.second.empty()) add(keyword);
    }
    conninfos.push_back(std::move(text));
  }
  return conninfos;
}

std::string first_host(std::string_view conninfo) {
  const auto given = parse_conninfo(conninfo);
  auto host = split(value_of(given, "host")).front();
  return host.empty() ? split(value_of(given, "hostaddr")).front() : host;
}

std::optional<std::chrono::seconds> connect_timeout(const ConnectionSettings& settings) {
  const auto text = value_of(parse_conninfo(settings.conninfo), "connect_timeout");
  if (text.empty() && settings.connect_timeout <= std::chrono::seconds::zero()) return std::nullopt;
  if (text.empty()) return settings.connect_timeout;
  int seconds = 0;
  const auto [stopped, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc{} || stopped != text.data() + text.size()) {
    throw UsageError(fmt::format("connect_timeout in the conninfo is \"{}\", not a number of seconds", text));
  }
  if (seconds <= 0) return std::nullopt;
  return std::chrono::seconds(seconds);
}

void forget_libpq_environment() {
  // Not options, so not in libpq's table.
  for (const char* name : {"PGSERVICEFILE", "PGSYSCONFDIR", "PGREALM", "PGDATESTYLE", "PGTZ", "PGGEQO"}) {
    ::unsetenv(name);
  }
  const auto options = parse_options("");
  for (const auto* option = options.get(); option->keyword != nullptr; ++option) {
    if (option->envvar == nullptr || std::string_view(option->envvar) == "PGPASSFILE") continue;
    if (std::getenv(option->envvar) != nullptr) ::unsetenv(option->envvar);
  }
}

std::string describe_conninfo(std::string_view conninfo) {
  const auto options = parse_options(conninfo);
  std::string text;
  for (const auto* option = options.get(); option->keyword != nullptr; ++option) {
    if (option->val == nullptr || is_secret(*option)) continue;
    if (!text.empty()) text += ' ';
    text += fmt::format("{}={}", option->keyword, quote_value(option->val));
  }
  return text;
}

bool holds_password(std::string_view conninfo) {
  const auto options = parse_options(conninfo);
  for (const auto* option = options.get(); option->keyword != nullptr; ++option) {
    if (option->val != nullptr && option->val[0] != '\0' && is_secret(*option)) return true;
  }
  return false;
}

}  // namespace pgkeep::streaming
