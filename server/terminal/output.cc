#include "server/terminal/output.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <iterator>
#include <unistd.h>

#include <fmt/format.h>
#include <sys/ioctl.h>

#include "catalog/io/shown_text.h"
#include "server/terminal/live_lines.h"
#include "server/terminal/version.h"

namespace pgkeep::server {

std::optional<std::size_t> Output::width() const {
  const int terminal = ::fileno(results_);
  ::winsize size{};
  if (::isatty(terminal) != 1 || ::ioctl(terminal, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
    return std::nullopt;
  return size.ws_col;
}

namespace {

bool wants_colors(Output::Color color, std::FILE* file) {
  if (color != Output::Color::automatic) return color == Output::Color::always;
  const char* refused = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  return (refused == nullptr || *refused == '\0') && terminal != nullptr &&
         std::string_view(terminal) != "dumb" && ::isatty(::fileno(file)) == 1;
}

}  // namespace

void Output::set_color(Color color) {
  colored_results_ = wants_colors(color, results_);
  colored_messages_ = wants_colors(color, messages_);
}

Output Output::part(std::string name, LiveLines* live) const {
  auto part = *this;
  part.name_ = std::move(name);
  part.live_ = live;
  part.data_ = {};
  part.warnings_.clear();
  return part;
}

void Output::join(Output& part) {
  if (!part.kept_.empty()) {
    live_ = part.live_;
    print(results_, part.kept_);
    live_ = nullptr;
  }
  std::ranges::move(part.warnings_, std::back_inserter(warnings_));
}

void Output::fact(std::string_view line) {
  if (!json()) result({line});
}

void Output::fact(const TonedLine& line) {
  if (!json()) result(line);
}

void Output::report(std::string_view line) {
  if (!json() && !quiet()) result({line});
}

void Output::note(std::string_view line) {
  if (!quiet()) talk("", line);
}

void Output::debug(std::string_view line) {
  if (verbose()) talk("", line);
}

void Output::warning(std::string_view line) {
  warnings_.emplace_back(line);
  talk({"warning: ", Tone::warning}, line);
}

void Output::failure(std::string_view line) {
  warnings_.emplace_back(line);
  talk({"error: ", Tone::bad}, line);
}

void Output::error(std::string_view message, Exit exit) {
  if (!name_.empty()) return failure(message);
  talk({"error: ", Tone::bad}, message);
  error_ = Json{{"message", message}, {"exit_code", static_cast<int>(exit)}};
}

void Output::finish() {
  if (json()) {
    auto document = json_document(data_, warnings_);
    if (!error_.is_null()) document["error"] = error_;
    result({json_text(document)});
  }
  if (std::fflush(results_) != 0 || std::ferror(results_) != 0) {
    const int cause = errno;
    if (cause == EPIPE) return;  // as in `| head`: the reader has seen enough
    throw StorageError(cause, "standard output", "write");
  }
}

// Names of files and much else come from servers: an ESC among them must not command the terminal. JSON has
// none of its own.
void Output::result(const TonedLine& line) {
  const auto text =
      (colored_results_ && !json() ? in_colors(line) : io::without_controls(plain_text(line))) + "\n";
  if (name_.empty())
    print(results_, text);
  else
    kept_ += text;
}

void Output::talk(const Toned& kind, std::string_view line) {
  const bool named = name_.empty() || line.starts_with(name_ + ":");
  const auto text = fmt::format("pgkeep: {}{}{}\n", colored_messages_ ? in_colors({kind}) : kind.text,
                                named ? "" : name_ + ": ", io::without_controls(line));
  print(messages_, text);
}

// fmt::print would throw where the reader of a pipe has gone; finish() says that once.
void Output::print(std::FILE* file, const std::string& text) {
  const auto write = [&] {
    std::fwrite(text.data(), 1, text.size(), file);
    if (live_) std::fflush(file);  // before the live lines are drawn below it
  };
  if (live_)
    live_->around(write);
  else
    write();
}

Json json_document(Json data, const std::vector<std::string>& warnings) {
  return {{"pgkeep", {{"version", kVersion}, {"schema", kJsonSchema}}},
          {"data", std::move(data)},
          {"warnings", warnings}};
}

std::string json_text(const Json& document) {
  return document.dump(2, ' ', false, Json::error_handler_t::replace);
}

Warn warnings_to(Output& out) {
  return [&out](const std::string& warning) { out.warning(warning); };
}

std::string counted(std::uint64_t number, std::string_view noun) {
  return fmt::format("{} {}{}", number, noun, number == 1 ? "" : "s");
}

Json text_or_null(const std::string& text) {
  return text.empty() ? Json() : Json(text);
}

}  // namespace pgkeep::server
