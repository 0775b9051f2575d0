#include "catalog/io/failure.h"

#include <new>

namespace pgkeep::io {

NotEnoughMemory::NotEnoughMemory()
    : Error(
          "not enough memory for this step; nothing else was stopped by it. "
          "Give the service more memory (MemoryMax of its unit), or let it do less at once") {}

std::exception_ptr current_failure() noexcept {
  try {
    throw;
  } catch (const std::bad_alloc&) {
    try {
      return std::make_exception_ptr(NotEnoughMemory());
    } catch (...) {  // not even for the message
      return std::current_exception();
    }
  } catch (...) {
    return std::current_exception();
  }
}

}  // namespace pgkeep::io
