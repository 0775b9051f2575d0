#include "catalog/postgres/endpoint.h"

namespace pgkeep::postgres {

Endpoint::Endpoint(std::string_view host, std::string_view port) {
  if (host.starts_with('/')) {
    text_ = fmt::format("{}/.s.PGSQL.{}", host, port);
  } else if (host.find(':') != std::string_view::npos) {
    text_ = fmt::format("[{}]:{}", host, port);
  } else {
    text_ = fmt::format("{}:{}", host, port);
  }
}

}  // namespace pgkeep::postgres
