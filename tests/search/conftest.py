from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from lossbook.config.options import conf_folder
from lossbook.search.command import OPTIONS
from lossbook.search.make_plan import make_plan
from lossbook.search.plan import SearchPlan
from lossbook.sweeps.job_state import JobState, state_of


@pytest.fixture(scope="session")
def planned() -> Callable[..., SearchPlan]:
    """A search's plan from its arguments; the search's own keys as keywords."""

    def make(*arguments: str, **how: Any) -> SearchPlan:
        options = {**OPTIONS, **{f"search.{key}": value for key, value in how.items()}}
        return make_plan(arguments, [conf_folder()], options, ["scripts/search.py", *arguments])

    return make


class StandIn:
    """A worker that trains nothing: the metric follows from the learning rate, and a rate of 0.05 and more fails."""

    def __init__(self, script: str, threads: int | None = None) -> None:
        self.threads = threads
        self.slot: int | None = None

    def start(self) -> None: ...

    def run(
        self,
        folder: Path,
        name: str,
        overrides: Sequence[str],
        folders: Sequence[str] = (),
        timeout: float | None = None,
        retry: bool = False,
        pruning: Any = None,
    ) -> JobState:
        values = dict(one.split("=", 1) for one in overrides)
        lr = float(values["optim.lr"])
        folder.mkdir(parents=True, exist_ok=True)
        failed = lr >= 0.05
        record = {
            "status": "failed" if failed else "completed",
            "message": "The loss is not finite." if failed else "",
            "primary": "val/acc",
            "epochs": 3,
            "wall_time_s": 0.5,
            "metrics": {} if failed else {"val/acc": round(1 - abs(lr - 0.01), 2), "val/loss": lr},
        }
        (folder / "metrics.json").write_text(json.dumps(record))
        return state_of(folder)

    def interrupt(self) -> None: ...
    def kill(self) -> None: ...
    def close(self) -> None: ...


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> type[StandIn]:
    monkeypatch.setattr("lossbook.sweeps.worker_pool.Worker", StandIn)
    return StandIn
