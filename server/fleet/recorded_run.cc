#include "server/fleet/recorded_run.h"

namespace pgkeep::server {
namespace {

class OutputTalk final : public io::ProgressObserver {
 public:
  explicit OutputTalk(Output& out) : out_(&out) {}
  void progress(const io::Progress& /*progress*/) override {}
  void note(std::string_view message) override { out_->note(message); }
  void warning(std::string_view message) override { out_->warning(message); }

 private:
  Output* out_;
};

}  // namespace

void record_run(const store::ServerLayout& layout, const std::string& kind, const std::string& subject,
                Output& out, const std::function<Json()>& work) {
  OutputTalk talk(out);
  catalog::record_run(layout, kind, subject, talk,
                      [&work](std::string&, io::ProgressObserver&) { return work(); });
}

}  // namespace pgkeep::server
