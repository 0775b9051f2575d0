#pragma once

#include "server/cli/arguments.h"

namespace pgkeep::server {

Exit run_undelete(const OneBackup& arguments, const Invocation& invocation);

inline constexpr std::array kUndeleteExamples{
    Example{"undelete main 20261120T020000Z", "it was deleted, or had expired, by mistake"},
};
inline constexpr Command kUndelete{
    .name = "undelete",
    .summary = "Bring back a backup that was deleted or has expired",
    .details =
        "For as long as `retention.grace` lasts: nothing of such a backup is removed before. "
        "One that `delete` has marked is what it was before. One that the retention policy let expire stays "
        "until `release`, since the policy would let it expire again.",
    .examples = kUndeleteExamples,
    .call = call_of<run_undelete>,
};

}  // namespace pgkeep::server
