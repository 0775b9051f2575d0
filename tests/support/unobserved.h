#pragma once

#include "catalog/io/progress.h"

namespace pgkeep::test {

/// For what reports its progress to nobody.
class Unobserved final : public io::ProgressObserver {
 public:
  void progress(const io::Progress&) override {}
  void note(std::string_view) override {}
  void warning(std::string_view) override {}
};

}  // namespace pgkeep::test
