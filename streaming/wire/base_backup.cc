#include "streaming/wire/base_backup.h"

#include <algorithm>
#include <limits>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/postgres/number.h"
#include "catalog/postgres/versions.h"
#include "streaming/wire/replication.h"
#include "streaming/wire/server_text.h"

namespace pgkeep::streaming {
namespace {

constexpr std::size_t kLongestLabel = 1024;
constexpr std::uint32_t kLowestRate = 32;
constexpr std::uint32_t kHighestRate = 1u << 20;
constexpr std::string_view kDataCorrupted = "XX001";

/// The label goes into backup_label as it stands: a line break would forge lines there.
void check_options(const BaseBackupOptions& options) {
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; };
  if (options.label.size() > kLongestLabel || std::ranges::any_of(options.label, is_control)) {
    throw UsageError(
        fmt::format("the label of a base backup is one line of at most {} bytes", kLongestLabel));
  }
  if (options.max_rate_kib && (*options.max_rate_kib < kLowestRate || *options.max_rate_kib > kHighestRate)) {
    throw UsageError(fmt::format("the rate limit of a base backup is {} kB/s; PostgreSQL takes {} to {}",
                                 *options.max_rate_kib, kLowestRate, kHighestRate));
  }
}

/// One run of BASE_BACKUP. Both protocols give: where it starts, the tablespaces, COPY data, where it ends.
class Run {
 public:
  Run(Connection& connection, const BaseBackupOptions& options, BaseBackupSink& sink)
      : connection_(&connection), sink_(&sink) {
    connection.answer_within(std::chrono::seconds::zero());  // a checkpoint may be spread over hours
    connection.send(base_backup_command(options, connection.major_version()));
  }

  BaseBackupEnd run() {
    const auto start = read_position("start");
    read_tablespaces();
    sink_->started(start, tablespaces_);
    if (connection_->major_version() >= postgres::since::kBaseBackupOptions) {
      receive_messages();
    } else {
      receive_copies();
    }
    return read_end();
  }

 private:
  [[noreturn]] void refuse(const std::string& why) const {
    throw ProtocolError(
        fmt::format("{}: BASE_BACKUP: {}; the backup was given up", connection_->peer(), in_one_line(why)));
  }

  Rows expect_rows(const char* what) {
    auto result = connection_->next_result();
    if (result.kind != Connection::Next::rows) refuse(fmt::format("the {} did not come", what));
    return std::move(result.rows);
  }

  /// Throws the server's own error when that is what comes instead: it also ends a COPY, so it is looked for
  /// before an archive counts as whole.
  void expect_copy() {
    if (connection_->next_result().kind != Connection::Next::copy_out) refuse("the server sends no archive");
  }

  postgres::WalPosition read_position(const char* what) {
    const auto answer = expect_rows(fmt::format("{} position", what).c_str());
    if (answer.rows.size() != 1 || answer.columns.size() < 2 || !answer.rows[0][0] || !answer.rows[0][1]) {
      refuse(fmt::format("the {} position is not one row of LSN and timeline", what));
    }
    const auto& row = answer.rows[0];
    const auto lsn = postgres::Lsn::parse(*row[0]);
    const auto timeline = postgres::TimelineId::parse_decimal(*row[1]);
    if (!lsn || !timeline)
      refuse(fmt::format("the {} position is {} on timeline {}", what, *row[0], *row[1]));
    return {*timeline, *lsn};
  }

  void read_tablespaces() {
    const auto answer = expect_rows("list of tablespaces");
    if (answer.columns.size() < 3) refuse("the list of tablespaces has less than three columns");
    for (const auto& row : answer.rows) tablespaces_.push_back(parse_tablespace(row));
    const auto is_main = [](const Tablespace& tablespace) { return tablespace.oid == 0; };
    if (std::ranges::count_if(tablespaces_, is_main) != 1 || !is_main(tablespaces_.back())) {
      refuse("the data directory is not the last in the list of tablespaces");
    }
  }

  Tablespace parse_tablespace(const std::vector<std::optional<std::string>>& row) const {
    Tablespace tablespace;
    if (row[0]) {
      const auto oid = postgres::parse_number<std::uint32_t>(*row[0]);
      if (!oid || *oid == 0 || !row[1]) refuse(fmt::format("a tablespace has the OID \"{}\"", *row[0]));
      tablespace.oid = *oid;
      tablespace.location = *row[1];
    }
    if (row[2]) {
      const auto kib = postgres::parse_number<std::uint64_t>(*row[2]);
      if (!kib || *kib > std::numeric_limits<std::uint64_t>::max() / 1024) {
        refuse(fmt::format("the size of a tablespace is \"{}\"", *row[2]));
      }
      tablespace.size_bytes = *kib * 1024;
    }
    return tablespace;
  }

  /// Up to 14: one COPY an archive, in the order of the tablespaces, then one for the manifest.
  void receive_copies() {
    io::ByteView data;
    for (const auto& tablespace : tablespaces_) {
      expect_copy();
      end_archive();
      part_ = Part::archive;
      sink_->archive_begins(tablespace);
      while (connection_->copy_receive(data) == CopyState::data) sink_->archive_data(data);
    }
    expect_copy();
    end_archive();
    part_ = Part::manifest;
    while (connection_->copy_receive(data) == CopyState::data) sink_->manifest_data(data);
  }

  /// From 15: one COPY, whose messages say by their first byte what they are.
  void receive_messages() {
    expect_copy();
    io::ByteView message;
    while (connection_->copy_receive(message) == CopyState::data) {
      const auto body = message.subspan(1);  // a CopyData message of nothing is never handed out
      switch (static_cast<char>(message[0])) {
        case 'd':
          receive_data(body);
          break;
        case 'n':
          begin_archive(body);
          break;
        case 'm':
          begin_manifest();
          break;
        case 'p':  // how far it is; the sink counts for itself
          break;
        default:
          refuse(fmt::format("a message of unknown type 0x{:02x}", static_cast<unsigned>(message[0])));
      }
    }
    if (part_ == Part::manifest) return;
    connection_->next_result();  // throws what the server says of it
    refuse("the archives ended without a manifest");
  }

  void receive_data(io::ByteView body) {
    if (part_ == Part::archive) {
      sink_->archive_data(body);
    } else if (part_ == Part::manifest) {
      sink_->manifest_data(body);
    } else {
      refuse("data before the first archive");
    }
  }

  void end_archive() {
    if (part_ == Part::archive) sink_->archive_ends();
  }

  /// Archives come in the order of the tablespaces, so a name tells nothing new. One that is not what it must
  /// be could only come from a server that is not to be believed.
  void begin_archive(io::ByteView body) {
    const auto text = io::as_text(body);
    const auto name = text.substr(0, text.find('\0'));
    if (part_ == Part::manifest || next_archive_ == tablespaces_.size()) {
      refuse(fmt::format("an archive \"{}\" after the last one", name));
    }
    const auto& tablespace = tablespaces_[next_archive_];
    const auto expected =
        tablespace.oid == 0 ? std::string("base.tar") : fmt::format("{}.tar", tablespace.oid);
    if (name != expected) refuse(fmt::format("an archive \"{}\" where {} is due", name, expected));
    end_archive();
    part_ = Part::archive;
    ++next_archive_;
    sink_->archive_begins(tablespace);
  }

  void begin_manifest() {
    if (part_ == Part::manifest) refuse("a second manifest");
    if (next_archive_ != tablespaces_.size()) {
      refuse(fmt::format("{} of {} archives came before the manifest", next_archive_, tablespaces_.size()));
    }
    end_archive();
    part_ = Part::manifest;
  }

  /// The end position is no success yet: damaged pages are reported after it, by an error.
  BaseBackupEnd read_end() {
    BaseBackupEnd end{read_position("end"), std::nullopt};
    try {
      if (connection_->next_result().kind != Connection::Next::command_ok)
        refuse("the command was not completed");
      if (connection_->next_result().kind != Connection::Next::done)
        refuse("the command continues after its end");
    } catch (const ServerError& error) {
      if (error.sqlstate() != kDataCorrupted) throw;
      end.checksum_failure = error.what();
    }
    return end;
  }

  enum class Part { none, archive, manifest };

  Connection* connection_;
  BaseBackupSink* sink_;
  std::vector<Tablespace> tablespaces_;
  std::size_t next_archive_ = 0;
  Part part_ = Part::none;
};

}  // namespace

std::string base_backup_command(const BaseBackupOptions& options, int major_version) {
  check_options(options);
  const bool list = major_version >= postgres::since::kBaseBackupOptions;
  std::string command = list ? "BASE_BACKUP (" : "BASE_BACKUP ";
  bool first = true;
  const auto add = [&](std::string_view words, std::string_view in_list) {
    if ((list ? in_list : words).empty()) return;
    if (!first) command += list ? ", " : " ";
    command += list ? in_list : words;
    first = false;
  };
  const auto add_same = [&add](std::string_view option) { add(option, option); };

  add_same("LABEL " + quote_literal(options.label));
  if (options.progress) add_same("PROGRESS");
  add(options.fast_checkpoint ? "FAST" : "",
      options.fast_checkpoint ? "CHECKPOINT 'fast'" : "CHECKPOINT 'spread'");
  add("NOWAIT", "WAIT 0");
  if (options.max_rate_kib) add_same(fmt::format("MAX_RATE {}", *options.max_rate_kib));
  add_same("TABLESPACE_MAP");
  if (!options.verify_checksums) add("NOVERIFY_CHECKSUMS", "VERIFY_CHECKSUMS 0");
  add_same("MANIFEST 'yes'");
  // SHA-256 would cost the server two thirds of its rate.
  add_same("MANIFEST_CHECKSUMS 'CRC32C'");
  return list ? command + ")" : command;
}

BaseBackupEnd run_base_backup(Connection& connection, const BaseBackupOptions& options,
                              BaseBackupSink& sink) {
  return Run(connection, options, sink).run();
}

}  // namespace pgkeep::streaming
