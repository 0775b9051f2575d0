#pragma once

#include <string>

#include <sys/types.h>

namespace pgkeep::io {

/// For messages: the user's name, or the number where no name is known.
std::string user_name(uid_t uid);

}  // namespace pgkeep::io
