#pragma once

#include <exception>

#include "catalog/io/error.h"

namespace pgkeep::io {

/// One job could not have the memory that it needs. The others continue, and it may succeed later.
class NotEnoughMemory : public Error {
 public:
  NotEnoughMemory();
  bool retryable() const noexcept override { return true; }
};

/// The exception that is being handled, as the failure of one job: to be kept where a thread or a pool's task
/// ends, and thrown on where the job is waited for. std::bad_alloc, which nobody there expects, becomes
/// NotEnoughMemory, so that it ends that job and not the process.
std::exception_ptr current_failure() noexcept;

}  // namespace pgkeep::io
