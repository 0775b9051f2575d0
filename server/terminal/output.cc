#include "server/terminal/output.h"

#include <cerrno>
#include <unistd.h>

#include <fmt/format.h>
#include <sys/ioctl.h>

#include "catalog/io/shown_text.h"
#include "server/terminal/version.h"

namespace pgkeep::server {

std::optional<std::size_t> Output::width() const {
  const int terminal = ::fileno(results_);
  ::winsize size{};
  if (::isatty(terminal) != 1 || ::ioctl(terminal, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
    return std::nullopt;
  return size.ws_col;
}

void Output::fact(std::string_view line) {
  if (!json()) result(line);
}

void Output::report(std::string_view line) {
  if (!json() && !quiet()) result(line);
}

void Output::note(std::string_view line) {
  if (!quiet()) talk("", line);
}

void Output::debug(std::string_view line) {
  if (verbose()) talk("", line);
}

void Output::warning(std::string_view line) {
  warnings_.emplace_back(line);
  talk("warning: ", line);
}

void Output::failure(std::string_view line) {
  warnings_.emplace_back(line);
  talk("error: ", line);
}

void Output::error(std::string_view message, Exit exit) {
  talk("error: ", message);
  error_ = Json{{"message", message}, {"exit_code", static_cast<int>(exit)}};
}

void Output::finish() {
  if (json()) {
    auto document = json_document(data_, warnings_);
    if (!error_.is_null()) document["error"] = error_;
    result(json_text(document));
  }
  if (std::fflush(results_) != 0 || std::ferror(results_) != 0) {
    const int cause = errno;
    if (cause == EPIPE) return;  // as in `| head`: the reader has seen enough
    throw StorageError(cause, "standard output", "write");
  }
}

// Names of files and much else come from servers: an ESC among them must not command the terminal. JSON has
// none of its own. fmt::print would throw where the reader of a pipe has gone; finish() says that once.
void Output::result(std::string_view line) {
  const auto shown = io::without_controls(line);
  std::fwrite(shown.data(), 1, shown.size(), results_);
  std::fputc('\n', results_);
}

void Output::talk(std::string_view kind, std::string_view line) {
  const auto text = fmt::format("pgkeep: {}{}\n", kind, io::without_controls(line));
  std::fwrite(text.data(), 1, text.size(), messages_);
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
