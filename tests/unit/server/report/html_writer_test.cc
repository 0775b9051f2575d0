#include "server/report/html_writer.h"

#include <gtest/gtest.h>

namespace pgkeep::server {
namespace {

TEST(HtmlWriterTest, EscapesTextsAndAttributes) {
  HtmlWriter html;
  html.element("p", "<script>a & b</script>", {{"title", "\"' onmouseover='x'"}});
  EXPECT_EQ(html.take(),
            "<p title=\"&quot;&#39; onmouseover=&#39;x&#39;\">&lt;script&gt;a &amp; b&lt;/script&gt;</p>");
}

TEST(HtmlWriterTest, ReplacesControlCharactersAndWhatIsNoUtf8) {
  EXPECT_EQ(escaped(std::string_view("a\0b\x1b\n\t", 6)),
            "a\xef\xbf\xbd"
            "b\xef\xbf\xbd\n\t");
  EXPECT_EQ(escaped("\xc2\x9b|\xff|\xc3"), "\xef\xbf\xbd|\xef\xbf\xbd|\xef\xbf\xbd");
  EXPECT_EQ(escaped("\u00e4\u20ac\U0001f418"), "\u00e4\u20ac\U0001f418");
}

TEST(HtmlWriterTest, LetsNoTextTurnTheDirectionOfWhatFollows) {
  EXPECT_EQ(escaped("a\u202eb\u2066c"),
            "a\xef\xbf\xbd"
            "b\xef\xbf\xbd"
            "c");
}

TEST(HtmlWriterTest, MakesCodeOfCommands) {
  HtmlWriter html;
  html.text_with_code("do `pgkeep backup <a>`, or ` nothing");
  EXPECT_EQ(html.take(), "do <code>pgkeep backup &lt;a&gt;</code>, or ` nothing");
}

TEST(HtmlWriterTest, EndsElementsInTheirOrder) {
  HtmlWriter html;
  {
    const auto outer = html.in("div");
    const auto inner = html.in("p");
    html.single("meta", {{"a", "b"}});
  }
  EXPECT_EQ(html.take(), "<div><p><meta a=\"b\"/></p></div>");
}

}  // namespace
}  // namespace pgkeep::server
