#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "tests/judgement/model_server.h"

namespace pgkeep::test {

/// What a recovery comes to.
struct Replayed {
  postgres::Lsn end;                // the first byte after the last record
  std::vector<ServerState> states;  // after each record
  std::string stopped_by;           // why the next one is none
};

/// Reads WAL as PostgreSQL's recovery does (xlogreader.c, xlogrecovery.c), written without a look at pgkeep's
/// own reading: of each segment the file of the newest timeline that may have it, page headers, lengths, the
/// record before, checksums. It stops at the first thing that is wrong, without a word, as PostgreSQL does.
class WalReplay {
 public:
  /// Gives a file of the WAL; nothing when there is none.
  using Open = std::function<std::optional<io::ByteVector>(const postgres::WalSegment&)>;
  WalReplay(const postgres::TimelineHistory& line, Open open) : line_(&line), open_(std::move(open)) {}

  /// `before`: the state of the server when the record at `start` was written.
  Replayed run(postgres::Lsn start, ServerState before);

 private:
  struct Record {
    postgres::Lsn begin;
    postgres::Lsn end;
    std::uint8_t manager = 0;
    std::uint8_t info = 0;
    io::ByteVector content;
  };
  bool open_segment(std::uint64_t number);
  /// The page at that address; nothing when there is none that is sound.
  std::optional<io::ByteView> page(postgres::Lsn address);
  bool read_record(postgres::Lsn at, Record& record);
  bool read_bytes(postgres::Lsn& at, std::uint64_t count, std::uint64_t left_of_record, io::ByteVector& into);
  bool stop(postgres::Lsn at, std::string_view why);

  const postgres::TimelineHistory* line_;
  Open open_;
  std::optional<std::uint64_t> opened_ = {};
  postgres::TimelineId opened_timeline_ = {};
  io::ByteVector file_ = {};
  postgres::TimelineId newest_page_ = {};
  postgres::Lsn last_ = {};
  std::string stopped_by_ = {};
};

}  // namespace pgkeep::test
