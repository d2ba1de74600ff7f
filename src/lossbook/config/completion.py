"""Tab completion for bash.

Hydra's own completion runs any script that follows ``python``, even one that has nothing to do with Hydra.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lossbook.errors import refuse

# By default bash splits words at =; then only what follows the last = is completed.
_BASH = r"""_lossbook_complete() {
    local script="${COMP_WORDS[1]/#\~/$HOME}" typed="${COMP_LINE:0:COMP_POINT}"
    [[ "$script" == *.py ]] && ((COMP_CWORD > 1)) && grep -qs "lossbook.commands" "$script" || return
    local word="${typed##* }" before="" choices
    choices=$(COMP_LINE="python x.py ${typed#*.py}" "${COMP_WORDS[0]}" "$script" -sc query=bash 2>/dev/null)
    _lossbook_choose
}
_lossbook_command() {
    local typed="${COMP_LINE:0:COMP_POINT}" before="" choices
    local word="${typed##* }"
    if ((COMP_CWORD > 1)); then
        local rest="${typed#*"${COMP_WORDS[1]}"}"
        choices=$(COMP_LINE="python x.py $rest" "${COMP_WORDS[0]}" "${COMP_WORDS[1]}" -sc query=bash 2>/dev/null)
    else
        choices=$("${COMP_WORDS[0]}" -sc query=bash 2>/dev/null)
    fi
    _lossbook_choose
}
_lossbook_choose() {
    [[ "$COMP_WORDBREAKS" == *=* && "$word" == *=* ]] && before="${word%=*}="
    COMPREPLY=($(compgen -W "$choices" -- "$word"))
    COMPREPLY=("${COMPREPLY[@]#"$before"}")
}
complete -o nospace -o default -F _lossbook_complete python python3
complete -o nospace -o default -F _lossbook_command lossbook"""
_FUNCTIONS = "_lossbook_complete _lossbook_command _lossbook_choose"


def installation(arguments: Sequence[str]) -> str | None:
    """Return what the shell evaluates for ``-sc install=bash`` or ``uninstall=bash``; None for ``query``.

    Args:
        arguments: of the command line, without flags.

    Raises:
        UserError: another shell.
    """
    asked = [argument.partition("=")[::2] for argument in arguments]
    for what, shell in asked:
        if what in ("install", "uninstall"):
            if shell != "bash":
                raise refuse(f"-sc {what}={shell}", "Completion works in bash.", f"-sc {what}=bash")
            return _BASH if what == "install" else f"complete -r python python3 lossbook; unset -f {_FUNCTIONS}"
    return None


def candidates(line: str, keys: Iterable[str]) -> list[str]:
    """Return the script's own keys that start with the last word of the line; Hydra does not know them.

    Args:
        line: as typed so far.
        keys: ``sweep.timeout`` and the like.
    """
    word = line.rpartition(" ")[2]
    return [f"{key}=" for key in keys if word and key.startswith(word)]
