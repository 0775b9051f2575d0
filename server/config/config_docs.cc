#include "server/config/config_docs.h"

#include <algorithm>

#include <fmt/format.h>

#include "server/config/setting_values.h"

namespace pgkeep::server {
namespace {

constexpr std::string_view kIntroduction = R"(# Configuration

pgkeep reads one YAML file, `/etc/pgkeep/pgkeep.yaml` unless `-c FILE` names another, and what that file includes. A
commented sample is `etc/pgkeep.yaml`. This page is made from the program's own table of keys (`pgkeep generate-docs`).

```yaml
repository: /var/lib/pgkeep
defaults:
  compression_level: 1
servers:
  main:
    conninfo: host=pg1.example port=5432 user=pgkeep dbname=postgres
    slot: pgkeep
    description: orders database
```

The whole configuration is checked whenever a command starts, and the first thing wrong is said with its place and what
would be right:

```
pgkeep.yaml:7: servers.main.compresion_level: unknown key; did you mean compression_level?
```

- **Sizes** are `512KiB`, `64MiB`, `1GiB` (powers of 1024, whether written `MB` or `MiB`) or plain bytes; **durations** are
  `500ms`, `30s`, `15min`, `26h`, `7d`, `2w`; **true** may also be written `yes` or `on`, **false** `no` or `off`.
- A key with a dot in its name stands in a section: `protect_primary.retain_at_most` is written
  `protect_primary: {retain_at_most: 20GiB}`, and one with two in a section of a section.
- A file in which a `conninfo` holds a password must be readable by its owner only (`chmod 600`).
- Two servers may not have one name, in whichever files they stand.

)";

constexpr std::string_view kRole = R"(
## The role on the server

The least that pgkeep needs, beside a `replication` line and one for the database in `pg_hba.conf`:

```sql
CREATE ROLE pgkeep LOGIN REPLICATION PASSWORD '...';
GRANT pg_monitor TO pgkeep;
GRANT EXECUTE ON FUNCTION pg_catalog.pg_switch_wal() TO pgkeep;   -- for `pgkeep switch-wal`
```
)";

std::string default_cell(const Setting& setting) {
  if (setting.required) return "required";
  if (setting.default_text.empty()) return "none";
  return fmt::format("`{}`", setting.default_text);
}

void table_of(std::string& page, std::string_view title, std::string_view lead, bool top) {
  page += fmt::format("## {}\n\n{}\n\n| key | value | default | meaning |\n|---|---|---|---|\n", title, lead);
  for (const auto& setting : settings()) {
    if ((setting.scope == Scope::top) != top) continue;
    page += fmt::format("| `{}` | {} | {} | {} |\n", setting.name, describe_type(setting),
                        default_cell(setting), setting.sentence);
  }
  page += "\n";
}

/// Comment lines of at most 100 characters.
void comment(std::string& text, std::string_view indent, std::string_view sentence) {
  constexpr std::size_t kWidth = 100;
  std::string line;
  while (!sentence.empty()) {
    const auto word = sentence.substr(0, sentence.find(' '));
    sentence.remove_prefix(std::min(sentence.size(), word.size() + 1));
    if (!line.empty() && indent.size() + 2 + line.size() + 1 + word.size() > kWidth) {
      text += fmt::format("{}# {}\n", indent, line);
      line.clear();
    }
    line += fmt::format("{}{}", line.empty() ? "" : " ", word);
  }
  text += fmt::format("{}# {}\n", indent, line);
}

/// "retention.keep." of two keys of that section: what the one before has opened is not opened again.
std::string_view shared_sections(std::string_view name, std::string_view before) {
  const auto differs = std::ranges::mismatch(name, before).in1 - name.begin();
  const auto dot = name.substr(0, static_cast<std::size_t>(differs)).rfind('.');
  return name.substr(0, dot == name.npos ? 0 : dot + 1);
}

void sample_key(std::string& text, const Setting& setting, bool server, std::string_view before = {}) {
  const std::string_view indent = server ? "    " : "";
  comment(text, indent, setting.sentence);
  if (setting.type != SettingType::text && setting.type != SettingType::path)
    comment(text, indent, fmt::format("({})", describe_type(setting)));
  const bool live = setting.required || setting.name == "description";
  auto name = setting.name;
  const auto open = shared_sections(name, before);
  name.remove_prefix(open.size());
  std::string below(2 * static_cast<std::size_t>(std::ranges::count(open, '.')), ' ');  // in sections
  for (auto dot = name.find('.'); dot != name.npos; dot = name.find('.')) {
    text += fmt::format("{}#{}{}:\n", indent, below, name.substr(0, dot));
    name.remove_prefix(dot + 1);
    below += "  ";
  }
  text += fmt::format("{}{}{}{}: {}\n", indent, live ? "" : "#", below, name, setting.sample);
}

}  // namespace

std::string configuration_reference() {
  std::string page(kIntroduction);
  table_of(page, "The file", "At the top:", true);
  table_of(page, "A server",
           "In each of `servers`, and, but for `conninfo` and `description`, in `defaults` for all of them:",
           false);
  page.pop_back();
  page += kRole;
  return page;
}

std::string sample_configuration() {
  std::string text =
      "# Configuration of pgkeep; the place for it is /etc/pgkeep/pgkeep.yaml. "
      "Made from the table of keys that\n# docs/configuration.md comes from too. "
      "What is commented out shows a possible value; the defaults stand in\n# docs/configuration.md.\n";
  std::string_view before;
  for (const auto& setting : settings()) {
    if (setting.scope != Scope::top || setting.type == SettingType::section) continue;
    text += "\n";
    sample_key(text, setting, false, before);
    before = setting.name;
  }
  for (const std::string_view name : {"defaults", "servers"}) {
    text += "\n";
    comment(text, "", find_setting(name, Scope::top)->sentence);
    text += name == "defaults" ? "#defaults:\n#  compression_level: 1\n" : "servers:\n  main:\n";
  }
  before = {};
  for (const auto& setting : settings()) {
    if (setting.scope == Scope::top) continue;
    if (!before.empty()) text += "\n";
    sample_key(text, setting, true, before);
    before = setting.name;
  }
  return text;
}

}  // namespace pgkeep::server
