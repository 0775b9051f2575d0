#pragma once

#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "catalog/records/event_journal.h"
#include "catalog/store/backup_record.h"
#include "catalog/store/repository.h"
#include "server/cli/command_line.h"
#include "tests/support/paper.h"
#include "tests/support/pushed_wal_fixture.h"

namespace pgkeep::server {

/// What a command said, and how it ended.
struct Said {
  Exit exit = Exit::ok;
  std::string results;  // of standard output
  std::string talk;     // of standard error
};

/// What the program says to that command line: a command that fails ends with its message and exit code.
inline Said run_line(const std::filesystem::path& config, const std::vector<std::string>& words) {
  const auto line = parse_command_line(words);
  const test::Paper results;
  const test::Paper talk;
  Output out(line.format, line.talk, results.file(), talk.file());
  Said said;
  try {
    said.exit = line.run({config, out, {}});
  } catch (const Error& error) {
    said.exit = error.exit_code();
    out.error(error.what(), said.exit);
  }
  out.finish();
  said.results = results.text();
  said.talk = talk.text();
  return said;
}

/// A repository of which server `main`, out of service, has some WAL, and a configuration with it and
/// `spare`, of which nothing is stored. Commands run in this process. What no command here needs is a server
/// that answers.
class CommandTest : public test::PushedWalFixture {
 protected:
  static constexpr io::TimePoint kMorning{std::chrono::sys_days{std::chrono::year{2026} / 11 / 20} +
                                          std::chrono::hours{2}};

  CommandTest() {
    const auto other = directory_ / "other";
    store::Repository::open_or_create(other);
    std::filesystem::copy_file(other / "repository.json", directory_ / "repository.json");
    io::remove_tree(other);
    configure(R"(
  main:
    description: orders
    conninfo: user=pgkeep host=nowhere password=secret
    active: false
  spare:
    conninfo: host=elsewhere
)");
  }
  /// These servers from now on, in the same repository.
  void configure(const std::string& servers) {
    std::filesystem::remove(config_);
    std::ofstream(config_) << "repository: " << directory_.path().native() << "\nservers:\n" << servers;
    std::filesystem::permissions(config_, std::filesystem::perms::owner_read);  // it may have a password
  }

  Said run_line(const std::vector<std::string>& words) { return server::run_line(config_, words); }
  /// The document that it prints with --json.
  Json document(std::vector<std::string> words) {
    words.emplace_back("--json");
    return Json::parse(run_line(words).results);
  }

  template <typename Arguments>
  Said run(Exit (*command)(const Arguments&, const Invocation&), const Arguments& arguments,
           Output::Format format = Output::Format::text) {
    const test::Paper results;
    const test::Paper talk;
    Output out(format, Output::Talk::normal, results.file(), talk.file());
    const auto exit = command(arguments, {config_, out, {}});
    out.finish();
    return {exit, results.text(), talk.text()};
  }
  /// The "data" of the document that the command prints with --json.
  template <typename Arguments>
  Json data(Exit (*command)(const Arguments&, const Invocation&), const Arguments& arguments) {
    return Json::parse(run(command, arguments, Output::Format::json).results).at("data");
  }

  store::BackupRecord commit_backup(const char* name, std::uint64_t begin, std::uint64_t end) {
    store::BackupRecord record(store::BackupId::parse(name).value());
    record.server = "main";
    record.label = "weekly";
    record.system = test::kSampleSystem;
    record.server_version = "18.6";
    record.major_version = test::kSampleMajor;
    record.wal_segment_size = size_;
    record.start = {test::kOne, postgres::Lsn(begin)};
    record.end = {test::kOne, postgres::Lsn(end)};
    record.wal_ranges = {{test::kOne, record.start.lsn, record.end.lsn}};
    record.started = kMorning;
    record.ended = kMorning + std::chrono::milliseconds(1500);
    record.file_count = 3;
    record.data_bytes = 3 << 20;
    record.tablespaces = {{16400, "fast", "/srv/fast"}};
    record.configuration = {.data_directory = "/srv/pg",
                            .config_file = "/etc/postgresql.conf",
                            .hba_file = {},
                            .ident_file = {},
                            .hosts_file = {}};
    record.cost = {1, 2, 3, 4, 5000, 600};
    io::make_directories(layout_.backup(record.id));
    io::write_file_durably(layout_.record(record.id), io::as_bytes(record.to_json()));
    return record;
  }
  /// Segments 5, 6 and 8; that 7 is missing is known. A backup was taken in 5.
  void store_a_little() {
    for (const std::uint64_t number : {5, 6, 8}) archived({test::kOne, number});
    catalog::EventJournal(layout_).append(
        {kMorning, catalog::EventKind::gap, "the server had removed it",
         catalog::WalRange{test::kOne, postgres::Lsn(0x700000), postgres::Lsn(0x800000)}});
    commit_backup("20261120T020000Z", 0x500028, 0x580000);
  }
  std::string segment(std::uint64_t number) const { return name({test::kOne, number}); }

  std::filesystem::path config_ = directory_ / "pgkeep.yaml";
};

}  // namespace pgkeep::server
