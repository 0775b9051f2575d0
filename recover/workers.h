#pragma once

#include <functional>
#include <stop_token>

#include "recover/delivery.h"

namespace pgkeep::recover {

/// `jobs`, or one a core when 0.
unsigned worker_count(unsigned jobs);

/// Runs `write` for each file that `next` hands out, in `count` threads. After the first failure the others
/// stop at their next file, and it is thrown; Interrupted when a stop was asked for. `write` is told which
/// thread it runs in.
void for_each_file(unsigned count, const std::function<bool(DeliveredFile&)>& next, std::stop_token stop,
                   const std::function<void(const DeliveredFile&, unsigned worker)>& write);

}  // namespace pgkeep::recover
