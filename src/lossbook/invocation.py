"""How a command was typed: ``python scripts/train.py``, or ``lossbook train`` where the package is installed.

``lossbook NAME`` runs ``lossbook/commands/NAME.py``, and says so in ``sys.argv[0]``. Whatever starts a command again
repeats that path: the other processes of a run, the jobs of a sweep.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

_PACKAGE = Path(__file__).absolute().parent
_SCRIPT = re.compile(r"(?:python )?scripts/(\w+)\.py")


def command_file(name: str) -> Path:
    """Return the file that runs a command of ``lossbook``."""
    return _PACKAGE / "commands" / f"{name}.py"


def words(script: str) -> list[str]:
    """Return what one types to run a script, from its path: ``lossbook train``, or ``python`` and the path."""
    path = Path(script)
    if _of_console(path):
        return ["lossbook", _spelt(path.stem)]
    return ["python", script]


def as_typed(text: str) -> str:
    """Return a text in which each ``python scripts/NAME.py`` reads as the command at hand was typed."""
    return _SCRIPT.sub(lambda found: f"lossbook {_spelt(found[1])}", text) if _of_console(Path(sys.argv[0])) else text


def module_folder(script: str) -> str:
    """Return the folder in which a process that runs this script looks up modules first."""
    path = Path(script).absolute()
    return str(_PACKAGE.parent if _of_console(path) else path.parent)  # commands/ has short names: train, search


def _of_console(script: Path) -> bool:
    return script.parts[-3:-1] == ("lossbook", "commands")


def _spelt(name: str) -> str:
    return name.replace("_", "-")
