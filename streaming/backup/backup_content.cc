#include "streaming/backup/backup_content.h"

#include <algorithm>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/io/shown_text.h"
#include "catalog/postgres/backup_label.h"
#include "catalog/postgres/control_file.h"
#include "catalog/postgres/tablespace_map.h"
#include "catalog/postgres/versions.h"

namespace pgkeep::streaming {
namespace {

void describe_control(io::ByteView content, store::BackupRecord& record) {
  if (const auto system = postgres::ControlFile::system_of(content); system != record.system) {
    throw Refused(fmt::format("the base backup is of cluster {}, not of {}; nothing of it is kept",
                              system.to_string(), record.system.to_string()));
  }
  if (!postgres::formats_known(record.major_version)) return;
  const auto control = postgres::ControlFile::decode(content);
  if (control.block_bytes != record.block_bytes ||
      control.wal_segment_bytes != record.wal_segment_size.bytes()) {
    throw Refused(fmt::format(
        "pg_control in the base backup says that blocks have {} bytes and WAL segments {}, "
        "the server says {} and {}; nothing of it is kept",
        control.block_bytes, control.wal_segment_bytes, record.block_bytes, record.wal_segment_size.bytes()));
  }
  record.data_checksums = control.data_checksums;
}

void describe_tablespaces(const BackupSink& sink, const SourceFacts& facts, store::BackupRecord& record) {
  std::vector<postgres::TablespaceMapEntry> map;
  if (sink.has_small_file("tablespace_map"))
    map = postgres::parse_tablespace_map(sink.small_file("tablespace_map"), record.major_version);
  for (const auto& [oid, location, size] : sink.tablespaces()) {
    if (oid == 0) continue;
    const auto mapped = std::ranges::find(map, oid, &postgres::TablespaceMapEntry::oid);
    // 13 puts a backslash before a line break in the path, looks there, and takes what is not there for
    // empty.
    if (mapped != map.end() && mapped->path != location) {
      throw Refused(fmt::format(
          "tablespace {} ({}) lies at {}, but PostgreSQL {} looked for it at {} and sent nothing of it; "
          "nothing of this backup is kept. Move what is in it to a tablespace whose path has no line break",
          facts.tablespace_name(oid), oid, io::in_quotes(mapped->path), record.major_version,
          io::in_quotes(location)));
    }
    record.tablespaces.push_back({oid, facts.tablespace_name(oid), location});
  }
}

}  // namespace

void describe_content(const BackupSink& sink, const SourceFacts& facts, io::ProgressObserver& observer,
                      store::BackupRecord& record) {
  const auto label = postgres::BackupLabel::parse(sink.small_file("backup_label"));
  describe_control(io::as_bytes(sink.small_file("global/pg_control")), record);
  if (label.start != sink.start() || label.incremental_from || record.end.lsn < label.start.lsn ||
      record.end.timeline < label.start.timeline) {
    throw ProtocolError(fmt::format(
        "the server's backup_label begins at {} of timeline {}, "
        "it announced {} of timeline {} and ended at {} of timeline {}: "
        "this is no full base backup, and nothing of it is kept",
        label.start.lsn.to_string(), label.start.timeline.to_string(), sink.start().lsn.to_string(),
        sink.start().timeline.to_string(), record.end.lsn.to_string(), record.end.timeline.to_string()));
  }
  record.start = label.start;
  record.from_standby = label.from_standby;
  record.configuration = facts.configuration();
  for (const auto& [name, path] : record.configuration.outside()) {
    observer.note(fmt::format(
        "{} is {}, outside of the data directory, and not in the backup: keep a copy of it", name, path));
  }
  describe_tablespaces(sink, facts, record);
}

}  // namespace pgkeep::streaming
