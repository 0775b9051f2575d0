#pragma once

#include <functional>
#include <string>

#include "catalog/index/recorded_run.h"
#include "server/terminal/output.h"

namespace pgkeep::server {

/// What work tells of itself goes to an output, but for how far it is.
class OutputTalk final : public io::ProgressObserver {
 public:
  /// Borrows it.
  explicit OutputTalk(Output& out) : out_(&out) {}
  void progress(const io::Progress& /*progress*/) override {}
  void note(std::string_view message) override { out_->note(message); }
  void warning(std::string_view message) override { out_->warning(message); }

 private:
  Output* out_;
};

/// catalog::record_run() for commands that write to the output themselves; what they say is not recorded.
void record_run(const store::ServerLayout& layout, const std::string& kind, const std::string& subject,
                Output& out, const std::function<Json()>& work);

}  // namespace pgkeep::server
