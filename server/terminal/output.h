#pragma once

#include <cstdio>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/io/error.h"
#include "catalog/io/json.h"
#include "server/terminal/tone.h"

namespace pgkeep::server {

class LiveLines;

/// Keeps the keys in the order in which they were put.
using Json = nlohmann::ordered_json;

/// The version of the JSON documents: raised when a key changes its meaning or goes, not when one is added.
inline constexpr int kJsonSchema = 1;

/// The document of a command that succeeded, {"pgkeep": …, "data": …, "warnings": …}.
Json json_document(Json data, const std::vector<std::string>& warnings);
/// As it is written. File names may be any bytes; what is not UTF-8 is replaced, since JSON cannot say it.
std::string json_text(const Json& document);

/// Where a command says things: facts and reports go to standard output, talk to standard error. Under --json
/// standard output carries one document and nothing else, also when the command fails:
///
///     {"pgkeep": {"version": "0.1.0", "schema": 1}, "data": …, "warnings": [], "error": {"message": …,
///     "exit_code": 1}}
///
/// with "error" only when there is one. One thread; work that goes on in several has a part() for each.
class Output {
 public:
  enum class Format { text, json };
  enum class Talk { quiet, normal, verbose };
  /// automatic: on a terminal that has them, unless the environment has NO_COLOR (https://no-color.org).
  enum class Color { automatic, always, never };
  Output(Format format, Talk talk, std::FILE* results = stdout, std::FILE* messages = stderr)
      : format_(format), talk_(talk), results_(results), messages_(messages) {}

  bool json() const noexcept { return format_ == Format::json; }
  bool quiet() const noexcept { return talk_ == Talk::quiet; }
  bool verbose() const noexcept { return talk_ == Talk::verbose; }

  void set_color(Color color);

  /// For the work on one of several servers, which goes on beside that on others. Talk comes out at once,
  /// with the server's name in front; results when join() is called, so that they stand together. `live`,
  /// which may be null, is borrowed: how far the work is, for ConsoleProgress.
  Output part(std::string name, LiveLines* live) const;
  /// The part's results come out, and its warnings are this output's from now on. `part` says nothing more.
  void join(Output& part);
  /// Where a part's progress is shown; null: nowhere.
  LiveLines* live() const noexcept { return live_; }
  /// Of the server; empty where this is no part.
  const std::string& part_name() const noexcept { return name_; }

  /// Characters that a line of what was asked for can have: of a terminal. Nothing: as many as there are.
  std::optional<std::size_t> width() const;

  /// What was asked for: always shown, unless as JSON.
  void fact(std::string_view line);
  void fact(const TonedLine& line);
  /// What a command has done: not shown with --quiet.
  void report(std::string_view line);
  void note(std::string_view line);     // talk, not shown with --quiet
  void debug(std::string_view line);    // talk, shown with --verbose
  void warning(std::string_view line);  // always shown, and in the document
  /// One of several servers or parts failed: shown as an error, kept among the document's warnings.
  void failure(std::string_view line);
  /// The command failed; of a part: the server did.
  void error(std::string_view message, Exit exit);

  /// The document's "data".
  void data(Json data) { data_ = std::move(data); }

  /// To be called once, at the end: writes the document. Throws StorageError when standard output cannot take
  /// it.
  void finish();

 private:
  void talk(const Toned& kind, std::string_view line);
  void result(const TonedLine& line);
  void print(std::FILE* file, const std::string& text);

  Format format_;
  Talk talk_;
  std::FILE* results_;   // borrowed
  std::FILE* messages_;  // borrowed
  bool colored_results_ = false;
  bool colored_messages_ = false;
  std::string name_;           // of a part
  LiveLines* live_ = nullptr;  // borrowed
  std::string kept_;           // results of a part
  Json data_;
  std::vector<std::string> warnings_;
  Json error_;
};

/// Takes what does not stop the work but should be known.
using Warn = std::function<void(const std::string&)>;
/// To an output, which is borrowed.
Warn warnings_to(Output& out);

/// "1 backup", "2 backups".
std::string counted(std::uint64_t number, std::string_view noun);

/// null for an empty one.
Json text_or_null(const std::string& text);

/// What `make` makes of each value.
template <typename Values, typename Make>
Json json_list(const Values& values, Make make) {
  auto list = Json::array();
  for (const auto& value : values) list.push_back(make(value));
  return list;
}

}  // namespace pgkeep::server
