#pragma once

#include <string>

namespace pgkeep::server {

/// docs/configuration.md, made from the table of settings.
std::string configuration_reference();

/// etc/pgkeep.yaml: a sample that is valid as it stands, with every key explained and most commented out.
std::string sample_configuration();

}  // namespace pgkeep::server
