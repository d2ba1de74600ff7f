"""The JSON file in which a sweep or a search writes down its plan before its first run."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from lossbook.errors import refuse
from lossbook.files import write_whole

Plan = TypeVar("Plan")


@dataclass(frozen=True)
class PlanFile:
    """A kind of plan file.

    Args:
        kind: ``sweep`` or ``search``; the file is ``<kind>.json``, the key that resumes it ``<kind>.resume``.
        usual: the folder that holds the folders of this kind by default.
        version: of the format.
    """

    kind: str
    usual: Path
    version: int = 1

    @property
    def name(self) -> str:
        return f"{self.kind}.json"

    @property
    def resume(self) -> str:
        return f"{self.kind}.resume"

    def write(self, folder: Path, values: Mapping[str, Any]) -> None:
        """Write the values with the version, atomically."""
        text = json.dumps({"version": self.version, **values}, indent=1)
        write_whole(folder / self.name, lambda file: file.write(text.encode()))

    def read(self, folder: Path, parse: Callable[[dict[str, Any]], Plan]) -> Plan:
        """Return what ``parse`` makes of the values.

        Raises:
            UserError: the file is missing, unreadable or from another version.
        """
        path = folder / self.name
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            if values.pop("version") != self.version:
                rule = f"A {self.kind} can only be resumed with the version that started it."
                raise refuse(f"{path} was written by another version of Lossbook.", rule, f"start a new {self.kind}")
            return parse(values)
        except FileNotFoundError:
            rule = f"A {self.kind} writes it when it starts."
            raise refuse(f"{folder} holds no {self.name}.", rule, self._resumable_near(folder)) from None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            rule = f"{type(error).__name__}: {error}."
            raise refuse(f"{path} cannot be read.", rule, f"start a new {self.kind}") from error

    def refuse_other_cwd(self, folder: Path, cwd: str) -> None:
        """Refuse to resume in another working folder, where relative paths and the user's own code are not found.

        Args:
            folder: of the sweep or the search.
            cwd: where it was started; if that folder is gone, any will do.

        Raises:
            UserError: it was started in another one.
        """
        if Path.cwd() != Path(cwd) and Path(cwd).is_dir():
            rule = f"It was started in {cwd}, where its relative paths and your own code are found."
            fix = f"cd {shlex.quote(cwd)}, then {shlex.quote(f'{self.resume}={folder.absolute()}')}"
            raise refuse(f"{self.resume}={folder} in {Path.cwd()}.", rule, fix)

    def _resumable_near(self, folder: Path) -> str:
        """Return how to resume the latest one near a folder that holds none, or else what to give."""
        near = next((base for base in (folder, folder.parent, self.usual) if base.is_dir()), None)
        found = sorted(path.parent.as_posix() for path in near.glob(f"*/{self.name}")) if near else []
        if found:
            return shlex.quote(f"{self.resume}={found[-1]}")
        return f"give the folder of a {self.kind} ({self.usual.as_posix()}/<date>_<time>)"


SWEEP = PlanFile("sweep", Path("outputs/sweeps"))
SEARCH = PlanFile("search", Path("outputs/searches"))
