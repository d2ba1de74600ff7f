"""The tab key, pressed in bash as the help says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lossbook.config.completion import installation
from lossbook.errors import UserError

SCRIPT = Path(__file__).parents[2] / "scripts" / "train.py"
PRESS = r"""
python() { "$PYTHON" "$@"; }
eval "$(python "$SCRIPT" -sc install=bash)"
complete -p python
press() {  # what readline hands over
    COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
    if [[ "$1" == lossbook ]]; then _lossbook_command; else _lossbook_complete; fi; echo "<${COMPREPLY[*]}>"
}
press python "$SCRIPT" loss=multil
press python "$SCRIPT" opt
press python "$SCRIPT" optim=sgd optim.mom
press python "$SCRIPT" -m sw
press python "$SCRIPT" -m sweep.re
press python "${SCRIPT/train/search}" search.p
COMP_WORDBREAKS=${COMP_WORDBREAKS//=}
press python "$SCRIPT" loss=multil
press python "$OTHER" loss=multil
press python -m
lossbook() { "$PYTHON" -m lossbook "$@"; }
press lossbook ev
press lossbook train optim=sgd optim.mom
press lossbook find-lr find.st
COMP_WORDBREAKS="$COMP_WORDBREAKS="
press lossbook train loss=multil
"""


def test_the_tab_key_completes_groups_options_and_keys_of_our_scripts_alone(tmp_path: Path) -> None:
    other = tmp_path / "other.py"
    other.write_text("from pathlib import Path\nPath('run').touch()\n")
    environment = {"PYTHON": sys.executable, "SCRIPT": str(SCRIPT), "OTHER": str(other), "PATH": "/usr/bin:/bin"}
    environment["PYTHONPATH"] = str(SCRIPT.parents[1] / "src")
    done = subprocess.run(
        ["bash", "-c", PRESS], capture_output=True, text=True, env=environment, check=True, cwd=tmp_path
    )
    registered, *pressed = done.stdout.splitlines()
    assert registered.endswith("_lossbook_complete python")
    assert pressed == [
        "<multilabel_margin multilabel_soft_margin>",  # bash splits words at =
        "<optim. optim=>",
        "<optim.momentum=>",
        "<sweep.timeout= sweep.on_error= sweep.resume= sweep.retry=>",
        "<sweep.resume= sweep.retry=>",
        "<search.pruner=>",
        "<loss=multilabel_margin loss=multilabel_soft_margin>",
        "<>",
        "<>",
        "<evaluate>",
        "<optim.momentum=>",
        "<find.steps=>",
        "<multilabel_margin multilabel_soft_margin>",
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["other.py"]


def test_another_shell_is_refused() -> None:
    assert installation(["query=bash"]) is None
    with pytest.raises(UserError, match="bash"):
        installation(["install=fish"])
