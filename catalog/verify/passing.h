#pragma once

#include "catalog/io/error.h"

namespace pgkeep::catalog {

/// Whether an error says nothing of what is stored, since it may pass: rights, memory or descriptors are
/// wanting, the disk is full, or the work was stopped. A file that is missing is no such error.
bool is_passing(const Error& error) noexcept;

}  // namespace pgkeep::catalog
