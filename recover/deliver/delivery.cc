#include "recover/deliver/delivery.h"

#include <utility>

#include "catalog/io/error.h"
#include "catalog/io/work_queue.h"

namespace pgkeep::recover {

void refuse(const DeliveryRoot& root, std::string reason) {
  if (!root.way_out.empty()) reason += "; " + root.way_out;
  throw Refused(reason);
}

void write_by_workers(unsigned workers, const std::function<void(const Delivery::Give&)>& all,
                      const std::stop_token& stop,
                      const std::function<void(const DeliveredFile&, unsigned worker)>& write) {
  const auto check = [&stop] {
    if (stop.stop_requested()) throw Interrupted("stopped before everything was written");
  };
  io::WorkQueue<DeliveredFile> queue(
      workers,
      [&](unsigned worker) {
        return [&, worker](const DeliveredFile& file) {
          check();
          write(file, worker);
        };
      },
      check);
  all([&queue](DeliveredFile file) { queue.push(std::move(file)); });
  queue.finish();
}

}  // namespace pgkeep::recover
