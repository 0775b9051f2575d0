#pragma once

#include <functional>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include "catalog/io/error.h"
#include "catalog/io/progress.h"
#include "catalog/store/layout.h"

namespace pgkeep::catalog {

/// What is run: returns the run's figures, an object or null, and may say better what it was about. What it
/// tells `observer` is passed on, and belongs to the record of the run.
using RecordedWork =
    std::function<nlohmann::ordered_json(std::string& subject, io::ProgressObserver& observer)>;

/// Thrown by work that was done, and whose run counts as failed for what it found: it is recorded with
/// figures.
class FoundDamage : public Corruption {
 public:
  FoundDamage(const std::string& what, nlohmann::ordered_json figures)
      : Corruption(what), figures_(std::move(figures)) {}
  const nlohmann::ordered_json& figures() const noexcept { return figures_; }

 private:
  nlohmann::ordered_json figures_;
};

/// Runs `work` as a run of the server: the journal of runs and the index tell afterwards that it was done,
/// how it went, what it said (its first 40 messages and its last 10, each cut at 500 bytes) and the figures.
/// What `work` throws is recorded and thrown on.
///
/// A journal that cannot be written at the beginning stops the run; at the end, it is a warning. A full disk
/// is a warning at the beginning too, since what is run may be the way out of it; the beginning is then
/// written together with the end. `observer` is told of what does not stop it, and what `work` tells; by
/// several threads at a time if those of `work` do.
void record_run(const store::ServerLayout& layout, const std::string& kind, std::string subject,
                io::ProgressObserver& observer, const RecordedWork& work);

}  // namespace pgkeep::catalog
