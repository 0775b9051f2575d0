#include "server/health/finding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pgkeep::server {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::IsEmpty;

Finding of(const char* key, Severity severity) {
  return {.key = key, .severity = severity, .what = "seen"};
}

TEST(ProblemsTest, AreTheWorstFirst) {
  const auto found = problems({of("slot", Severity::warning), of("version", Severity::advice),
                               of("backups", Severity::failed), of("identity", Severity::ok)});
  EXPECT_THAT(found, ElementsAre(Field(&Finding::key, "backups"), Field(&Finding::key, "slot")));
}

TEST(ChangesTest, AreWhatIsNewOrGoneOrOtherwiseGrave) {
  const std::vector before{of("slot", Severity::failed), of("slot_limit", Severity::warning),
                           of("slot_idle_timeout", Severity::advice)};
  const std::vector now{of("slot", Severity::ok), of("slot_limit", Severity::failed),
                        of("receiver", Severity::failed)};
  const auto key_is = [](const char* key, Severity severity) {
    return AllOf(Field(&Finding::key, key), Field(&Finding::severity, severity));
  };
  EXPECT_THAT(changes(before, now),
              ElementsAre(key_is("slot", Severity::ok), key_is("slot_limit", Severity::failed),
                          key_is("receiver", Severity::failed), key_is("slot_idle_timeout", Severity::ok)));
  EXPECT_THAT(changes(now, now), IsEmpty());
  EXPECT_THAT(changes({}, {of("slot", Severity::ok)}), IsEmpty()) << "nothing is said of what is well";
}

}  // namespace
}  // namespace pgkeep::server
