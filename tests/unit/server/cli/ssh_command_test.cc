#include "server/cli/ssh_command.h"

#include <gtest/gtest.h>

#include "catalog/io/error.h"

namespace pgkeep::server {
namespace {

TEST(SshPushTest, TakesTheLineOfTheDocumentedArchiveCommand) {
  for (const char* line : {"pgkeep -q put-wal main 00000002.history --sha256 abc",
                           "pgkeep put-wal main 00000002.history --sha256 abc",
                           "/usr/bin/pgkeep --quiet put-wal main  00000002.history --sha256 abc "}) {
    const auto push = parse_ssh_push(line, "main");
    EXPECT_EQ(push.name, "00000002.history") << line;
    EXPECT_EQ(push.sha256, "abc") << line;
  }
}

TEST(SshPushTest, TakesNothingElse) {
  for (const char* line : {
           "",
           " ",
           "pgkeep",
           "pgkeep put-wal main 00000002.history",
           "pgkeep -q put-wal other 00000002.history --sha256 abc",
           "pgkeep -q get-wal main 00000002.history --sha256 abc",
           "pgkeep -c /tmp/x put-wal main 00000002.history --sha256 abc",
           "pgkeep -q -q put-wal main 00000002.history --sha256 abc",
           "pgkeep -q put-wal main 00000002.history --sha256 abc; id",
           "pgkeep -q put-wal main 00000002.history --file /etc/passwd",
           "pgkeep -q put-wal main 00000002.history --sha256 abc --file /etc/passwd",
           "sh -c pgkeep put-wal main 00000002.history --sha256 abc",
           "pgkeepx -q put-wal main 00000002.history --sha256 abc",
       })
    EXPECT_THROW(parse_ssh_push(line, "main"), UsageError) << line;
}

}  // namespace
}  // namespace pgkeep::server
