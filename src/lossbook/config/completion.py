"""Completion with the tab key, for bash: Hydra's own takes a script for one of its own only where that says so itself.

It also runs whatever script stands behind ``python``, one that has nothing to do with Hydra as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lossbook.errors import refuse

# What stands behind the cursor's last = is left to the shell where it splits words there, as it does by default.
_BASH = r"""_lossbook_complete() {
    local script="${COMP_WORDS[1]/#\~/$HOME}" typed="${COMP_LINE:0:COMP_POINT}"
    [[ "$script" == *.py ]] && ((COMP_CWORD > 1)) && grep -qs "lossbook.config.command" "$script" || return
    local word="${typed##* }" before="" choices
    choices=$(COMP_LINE="python x.py ${typed#*.py}" "${COMP_WORDS[0]}" "$script" -sc query=bash 2>/dev/null)
    [[ "$COMP_WORDBREAKS" == *=* && "$word" == *=* ]] && before="${word%=*}="
    COMPREPLY=($(compgen -W "$choices" -- "$word"))
    COMPREPLY=("${COMPREPLY[@]#"$before"}")
}
complete -o nospace -o default -F _lossbook_complete python python3"""


def installation(arguments: Sequence[str]) -> str | None:
    """What the shell is to read for ``-sc install=bash`` or ``uninstall=bash``; None where the shell asks for choices.

    Args:
        arguments: those of the command line that are no flags.
    """
    asked = [argument.partition("=")[::2] for argument in arguments]
    for what, shell in asked:
        if what in ("install", "uninstall"):
            if shell != "bash":
                raise refuse(f"-sc {what}={shell}", "The tab key completes in bash.", f"-sc {what}=bash")
            return _BASH if what == "install" else "complete -r python python3; unset -f _lossbook_complete"
    return None


def candidates(line: str, keys: Iterable[str]) -> list[str]:
    """What a script's own keys add to Hydra's choices: those that the last word of the line begins.

    Args:
        line: as typed so far.
        keys: ``sweep.timeout`` and the like.
    """
    word = line.rpartition(" ")[2]
    return [f"{key}=" for key in keys if word and key.startswith(word)]
