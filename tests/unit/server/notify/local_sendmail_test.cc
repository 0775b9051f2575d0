#include "server/notify/local_sendmail.h"

#include <fstream>
#include <sstream>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "catalog/io/error.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::server {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class LocalSendmailTest : public testing::Test {
 protected:
  void make_program(const std::string& script) {
    std::ofstream(program_) << "#!/bin/sh\ncd " << folder_.path().native() << "\n" << script << "\n";
    ::chmod(program_.c_str(), 0755);
  }
  std::string content(const std::string& name) const {
    std::ifstream file(folder_ / name);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }
  std::string why_not_sent() const {
    try {
      send_by_sendmail("To: x\n\ntext\n", {}, program_);
    } catch (const Error& error) {
      return error.what();
    }
    return "it was sent";
  }

  test::TempDirectory folder_;
  std::filesystem::path program_ = folder_ / "sendmail";
};

TEST_F(LocalSendmailTest, GetsTheWholeMessageAndLooksForItsReceivers) {
  make_program("echo \"$@\" > arguments; cat > mail");
  std::string message = "To: dba@example.org\n\n";
  for (int i = 0; i < 50'000; ++i) message += "a line of a large report\n";
  send_by_sendmail(message, {}, program_);
  EXPECT_EQ(content("arguments"), "-t -i\n");
  EXPECT_EQ(content("mail"), message);
}

TEST_F(LocalSendmailTest, IsQuotedWhenItRefuses) {
  make_program("echo 'no such queue' >&2; exit 75");
  EXPECT_THAT(why_not_sent(), AllOf(HasSubstr("exit code 75"), HasSubstr("no such queue")));
}

TEST_F(LocalSendmailTest, IsMissedWithAWayOut) {
  EXPECT_THAT(why_not_sent(), AllOf(HasSubstr("there is no"), HasSubstr("`mail.smtp`")));
}

TEST_F(LocalSendmailTest, IsEndedWhenAStopIsAskedFor) {
  make_program("exec sleep 600");
  std::stop_source stop;
  std::jthread later([&] { stop.request_stop(); });
  EXPECT_THROW(send_by_sendmail("", stop.get_token(), program_), Interrupted);
}

}  // namespace
}  // namespace pgkeep::server
