#include "server/fleet/recorded_run.h"

namespace pgkeep::server {
void record_run(const store::ServerLayout& layout, const std::string& kind, const std::string& subject,
                Output& out, const std::function<Json()>& work) {
  OutputTalk talk(out);
  catalog::record_run(layout, kind, subject, talk,
                      [&work](std::string&, io::ProgressObserver&) { return work(); });
}

}  // namespace pgkeep::server
