#include "server/cli/completion.h"

#include <cstdio>

#include <fmt/format.h>

namespace pgkeep::server {
namespace {

// Both scripts hand the line to `pgkeep complete`, which knows everything.

constexpr std::string_view kBash = R"(# bash completion for pgkeep; made by `pgkeep completion bash`
_pgkeep() {
    local piece reply before i
    local -a words=() replies=()
    # bash takes the line apart at "=" and ":" as well.
    for ((i = 1; i <= COMP_CWORD; i++)); do
        piece=${COMP_WORDS[i]}
        if ((i < COMP_CWORD)) && [[ $piece == '~/'* ]]; then piece=$HOME/${piece:2}; fi
        if ((${#words[@]} > 0)) && [[ $piece == [=:]* || ${COMP_WORDS[i - 1]} == [=:]* ]]; then
            words[${#words[@]} - 1]+=$piece
        else
            words+=("$piece")
        fi
    done
    mapfile -t replies < <({ "$1" complete -- "${words[@]}"; } 2>/dev/null)
    # What stands before the last of these is on the line already.
    before=${words[${#words[@]} - 1]}
    if [[ $before == *[=:]* ]]; then before=${before%"${before##*[=:]}"}; else before=; fi
    COMPREPLY=()
    for reply in "${replies[@]}"; do
        if [[ $reply == : ]]; then
            compopt -o default 2>/dev/null
        else
            reply=${reply%%$'\t'*}
            COMPREPLY+=("${reply#"$before"}")
        fi
    done
}
complete -F _pgkeep pgkeep
)";

constexpr std::string_view kZsh = R"(#compdef pgkeep
# zsh completion for pgkeep; made by `pgkeep completion zsh`
_pgkeep() {
    local reply word ret=1
    local -a replies described
    replies=("${(@f)$({ "${(Q)words[1]}" complete -- "${(@Q)words[2,CURRENT]}"; } 2>/dev/null)}")
    for reply in "${replies[@]}"; do
        if [[ $reply == : ]]; then
            _files && ret=0
        elif [[ -n $reply ]]; then
            word=${reply%%$'\t'*}
            described+=("${word//:/\\:}:${reply#*$'\t'}")
        fi
    done
    (( ${#described} )) && _describe -t pgkeep pgkeep described && ret=0
    return ret
}
if [[ ${funcstack[1]} == _pgkeep ]]; then
    _pgkeep "$@"
else
    compdef _pgkeep pgkeep
fi
)";

}  // namespace

Exit run_completion(const CompletionArguments& arguments, const Invocation& /*invocation*/) {
  const bool bash = arguments.shell == "bash";
  if (!bash && arguments.shell != "zsh")
    throw UsageError(fmt::format("there is no completion for '{}'; bash and zsh are known", arguments.shell));
  const auto script = bash ? kBash : kZsh;
  std::fwrite(script.data(), 1, script.size(), stdout);  // with its tabs and all
  return Exit::ok;
}

}  // namespace pgkeep::server
