#include "catalog/verify/passing.h"

#include <cerrno>

#include "catalog/io/failure.h"

namespace pgkeep::catalog {

bool is_passing(const Error& error) noexcept {
  if (const auto* storage = dynamic_cast<const StorageError*>(&error))
    return !is_damage(error) && storage->cause() != ENOENT && storage->cause() != ENOTDIR;
  return dynamic_cast<const Interrupted*>(&error) != nullptr ||
         dynamic_cast<const Busy*>(&error) != nullptr ||
         dynamic_cast<const io::NotEnoughMemory*>(&error) != nullptr;
}

}  // namespace pgkeep::catalog
