#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "tests/judgement/backup_side.h"
#include "tests/support/chance.h"

namespace pgkeep::test {

/// How often what happened in all stories of a run, for who wonders whether they are worth something.
using Tally = std::map<std::string, int>;

/// What happens to the servers under one name, and what pgkeep makes of it: chosen by a seed, told in words.
///
/// After each step that may say something about it, a recovery is asked for. What it gives has to be a state
/// that one server was in, with all that was acknowledged to the server that was followed last; or it is
/// refused with a reason. In the end the server that is there has to be followed, backed up and recovered to
/// its last record.
class Story {
 public:
  Story(unsigned seed, streaming::WalWorkers& workers, Tally& tally);
  void run(int steps);
  /// What was not as it should be; empty: nothing.
  const std::vector<std::string>& faults() const { return faults_; }
  /// Numbered sentences.
  std::string told() const;

 private:
  using Step = void (Story::*)();

  template <typename... Arguments>
  void tell(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
    told_.push_back(fmt::format(format, std::forward<Arguments>(arguments)...));
  }
  template <typename... Arguments>
  void fault(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
    faults_.push_back(fmt::format(format, std::forward<Arguments>(arguments)...));
    told_.push_back("FAULT: " + faults_.back());
  }
  void count(const std::string& what) { ++(*tally_)[what]; }

  // What happens.
  void begin();
  void happen();
  void work_and_follow();
  void take_backup();
  void lose_tail();
  void take_snapshot();
  void put_back();
  void fail_over();
  void fork();
  void do_it_again();
  void other_takes_over();
  void go_back_in_time();
  void lose_wal();
  void push_ahead();
  void push_from_a_clone();
  void check_latest();
  void check_a_backup();
  void settle_in_the_end();

  // What it is made of.
  BaseBackup base_backup(ModelServer& server, const std::vector<Work>& meanwhile);
  void back_up(int ways_out_left);
  void keep(const BaseBackup& backup);
  Work some_work();
  std::vector<Work> some_works(int number);
  void work(ModelServer& server, int records);
  void work_again();
  void end_segment(ModelServer& server);
  std::string next_name();
  ModelServer standby_of(const ModelServer& primary);
  void replace_current(ModelServer server, bool keep_old);
  void push(const ModelServer& from, const postgres::WalSegment& segment);
  void push_history(const ModelServer& from, postgres::TimelineId timeline);

  // What is asked of pgkeep.
  Sending some_sending(bool to_the_end);
  Followed follow(const Sending& sending);
  bool follow_current(int ways_out_left = 3);
  void note_acknowledged(const Followed& followed);
  void find_a_way_out(int ways_out_left);
  std::optional<Recovery> examine(const RecoveryAnswer& answer, const std::string& of,
                                  const std::vector<WrittenRecord>& acknowledged,
                                  std::optional<unsigned> line);

  Chance chance_;
  Tally* tally_;
  KnownStates known_;
  BackupSide pgkeep_;
  int names_ = 0;
  ModelServer current_;               // the one that the conninfo leads to
  std::optional<ModelServer> other_;  // one that was left, or is a twin
  std::vector<ModelServer> snapshots_;
  std::vector<Work> work_;  // since the last snapshot
  /// To the server that was followed last: what it has at least, whatever becomes of it.
  std::vector<WrittenRecord> acknowledged_;
  postgres::TimelineId acknowledged_timeline_{1};
  std::map<unsigned, std::vector<WrittenRecord>> set_aside_;  // what was acknowledged on each line
  /// Two servers wrote records of the same places: where WAL was removed, nothing can tell them apart, and
  /// all that pgkeep can do is say so.
  bool weak_witness_ = false;
  std::vector<std::string> told_;
  std::vector<std::string> faults_;
};

}  // namespace pgkeep::test
