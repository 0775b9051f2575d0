#pragma once

#include "server/cli/arguments.h"

namespace pgkeep::server {

Exit run_release(const OneBackup& arguments, const Invocation& invocation);

inline constexpr std::array kReleaseExamples{
    Example{"release main 20261120T020000Z", "the policy decides again"},
};
inline constexpr Command kRelease{
    .name = "release",
    .summary = "Leave a backup that was kept to the retention policy again",
    .details = "Takes back what `keep` or `undelete` did. Nothing is removed by this.",
    .examples = kReleaseExamples,
    .call = call_of<run_release>,
};

}  // namespace pgkeep::server
