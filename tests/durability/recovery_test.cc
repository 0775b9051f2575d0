// A recovery that the power ended: it cannot be started, or it is whole.
#include "recover/recovery.h"

#include <filesystem>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/power_cuts.h"
#include "tests/support/verification_fixture.h"

namespace pgkeep::recover {
namespace {

namespace fs = std::filesystem;
using test::Aftermath;
using test::DiskRecorder;
using test::DiskTree;
using test::PowerCuts;

constexpr const char* kRecovered = "recovered";
constexpr const char* kControlFile = "global/pg_control";

io::ByteVector bytes(std::string_view text) {
  const auto view = io::as_bytes(text);
  return {view.begin(), view.end()};
}

class RecoveryPowerCut : public catalog::VerificationTest {
 protected:
  fs::path place() const { return directory_ / "place"; }

  /// Recovers a backup of two files more, one of them in a tablespace, into folders of place().
  void recover() {
    auto content = sound_content();
    content["postgresql.conf"] = bytes("");
    content["pg_hba.conf"] = bytes("");
    content["PG_VERSION"] = bytes("18\n");
    content["tablespace_map"] = bytes("16385 /srv/fast\n");
    content["pg_tblspc/16385/PG_18_202506291/5/99"] = bytes("row");
    auto record = take_backup(content);
    record.tablespaces = {{16385, "fast", "/srv/fast"}};
    auto facts = gather_facts(layout_);
    for (auto& backup : facts.backups)
      backup.tablespaces = record.tablespaces;  // which the fixture's records have not

    RecoveryRequest request;
    request.server = "main";
    request.destination = place() / "data";
    request.jobs = 2;
    request.tablespaces = {{"fast", place() / "fast"}};
    carry_out(make_plan(request, facts), repository_, layout_, progress_, {});
    DiskRecorder::note(kRecovered);
  }
};

TEST_F(RecoveryPowerCut, HasAControlFileOnlyWhenAllElseIsThere) {
  fs::create_directory(place());
  PowerCuts cuts(place());
  cuts.record([this] { recover(); });
  const auto whole = DiskTree::read(place());
  const auto control = (fs::path("data") / kControlFile).native();
  ASSERT_TRUE(whole.entries.contains(control));
  cuts.check([&](const Aftermath& left) {
    auto tree = DiskTree::read(left.root());
    EXPECT_TRUE(tree.entries.contains(control) || !left.promised(kRecovered));
    if (!tree.entries.contains(control)) return;
    // PostgreSQL refuses one that is cut.
    if (!left.promised(kRecovered)) tree.entries[control] = whole.entries.at(control);
    EXPECT_EQ(tree.difference(whole).value_or(""), "");
  });
}

}  // namespace
}  // namespace pgkeep::recover
