#pragma once

#include <string>
#include <vector>

#include "recover/deliver/delivery.h"
#include "recover/plan/plan.h"
#include "recover/recovery_settings.h"

namespace pgkeep::recover {

/// The exact commands that start PostgreSQL on the recovered directory, to be typed on this host. Pure.
std::vector<std::string> start_commands(const RecoveryPlan& plan, const StartFacts& facts,
                                        const RecoverySettings& settings);

}  // namespace pgkeep::recover
