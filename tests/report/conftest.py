"""Runs and sweeps as they lie on the disk, written without training anything."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from matplotlib.figure import Figure
from rich.console import Console
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from lossbook.plots.style import picture
from lossbook.report import heat_map, learning_curves, parameter_plot, ranking_plot
from lossbook.report.content import Report
from lossbook.report.terminal import print_short

DIGITS = {"target": "class", "batch_size": 64, "limit": None, "seed": 0, "source": {"_target_": "Digits", "seed": 0}}
Write = Callable[..., Path]


def write_run(
    folder: Path,
    result: float | None = 0.9,
    *,
    loss: str = "cross_entropy",
    optim: str = "adam",
    seed: int = 0,
    overrides: Sequence[str] | None = None,
    values: Mapping[str, Any] | None = None,
    choices: Mapping[str, Any] | None = None,
    status: str = "completed",
    message: str = "",
    primary: str = "val/acc",
    mode: str = "max",
    metrics: Mapping[str, float | None] | None = None,
    curve: Mapping[str, Sequence[float]] | None = None,
    **record: Any,
) -> Path:
    """A run's folder; ``values``: dotted keys of its config; ``curve``: tag -> a value an epoch of ten steps."""
    named = [f"loss={loss}", f"optim={optim}", f"seed={seed}"] if overrides is None else list(overrides)
    config: dict[str, Any] = {"optim": {"lr": 0.003}, "data": json.loads(json.dumps(DIGITS)), "seed": seed}
    for key, value in (values or {}).items():
        node = config
        *path, last = key.split(".")
        for part in path:
            node = node.setdefault(part, {})
        node[last] = value
    chosen = {"loss": loss, "optim": optim, "data": "digits", "model": "cnn", **(choices or {})}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text(yaml.safe_dump({**config, "choices": chosen, "overrides": named}))
    logged = {primary: result, "val/loss": 0.1, **(metrics or {})}
    content = {"status": status, **({"message": message} if message else {}), "primary": primary, "mode": mode}
    content |= {"epochs": 5, "steps": 50, "wall_time_s": 2.0, "metrics": logged}
    content |= {"data": {"name": chosen["data"], "fingerprint": "0" * 16}, **record}
    (folder / "metrics.json").write_text(json.dumps(content))
    if curve:
        write_events(folder, {tag: {10 * at + 9: one for at, one in enumerate(line)} for tag, line in curve.items()})
    return folder


def write_events(
    folder: Path, curves: Mapping[str, Mapping[int, float]], purge: int | None = None, suffix: str = ""
) -> None:
    """An event file, as TensorBoard's SummaryWriter leaves it; ``purge``: the step that a resumed run goes on from."""
    writer = EventFileWriter(str(folder), filename_suffix=suffix)
    if purge is not None:
        writer.add_event(Event(step=purge, session_log=SessionLog(status=SessionLog.START)))
    for tag, points in curves.items():
        for step, value in points.items():
            writer.add_event(Event(step=step, summary=Summary(value=[Summary.Value(tag=tag, simple_value=value)])))
    writer.close()


def write_sweep(folder: Path, jobs: Sequence[tuple[str, str | None]], varied: Sequence[str], **more: Any) -> None:
    """A sweep's plan: a job for each (overrides separated by blanks, the reason why it is refused or None)."""
    entries = [
        {"number": place, "name": ",".join(line.split()), "overrides": line.split(), "refused": reason}
        for place, (line, reason) in enumerate(jobs)
    ]
    plan = {
        "version": 1,
        "command": ["scripts/train.py", "-m"],
        "config_dir": None,
        "varied": list(varied),
        "jobs": entries,
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sweep.json").write_text(json.dumps({**plan, **more}))


@pytest.fixture
def run() -> Write:
    return write_run


@pytest.fixture
def sweep() -> Callable[..., None]:
    return write_sweep


@pytest.fixture
def events() -> Callable[..., None]:
    return write_events


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that are drawn during a test, in order."""
    seen: list[Figure] = []

    @contextmanager
    def watched(path: Path, width: float, height: float) -> Iterator[Figure]:
        with picture(path, width, height) as figure:
            yield figure
            seen.append(figure)

    for module in (ranking_plot, learning_curves, heat_map, parameter_plot):
        monkeypatch.setattr(module, "picture", watched)
    return seen


@pytest.fixture
def night(tmp_path: Path, run: Write, sweep: Callable[..., None]) -> Path:
    """Three losses, one on other data, two optimizers, three seeds, and all that goes wrong."""
    folder, jobs = tmp_path / "night", []
    for loss, data in (("mse", "digits"), ("l1", "digits"), ("ctc", "digit_lines")):
        for optim in ("adam", "sgd"):
            for seed in (0, 1, 2):
                number = len(jobs)
                refused = "ctc | sgd do not fit" if (loss, optim) == ("ctc", "sgd") else None
                jobs.append((f"loss={loss} optim={optim} seed={seed}", refused))
                if refused or number == 11:  # never started
                    continue
                value = 0.5 + 0.01 * ((7 * number) % 5)
                line = [0.1, 0.3, value]
                metrics = {"test/acc": value - 0.1, "val/loss": 1 - value}
                place = folder / str(number)
                run(place, value, loss=loss, optim=optim, seed=seed, choices={"data": data}, metrics=metrics,
                    curve={"val/acc": line}, wall_time_s=number / 2, memory_mb=100 + number)  # fmt: skip
    record = {"status": "failed", "message": "killed:\nsignal | 9", "primary": None, "metrics": {}}
    (folder / "4" / "metrics.json").write_text(json.dumps(record))
    (folder / "4" / "config.yaml").unlink()
    sweep(folder, jobs, ["loss", "optim", "seed"])
    return folder


@pytest.fixture
def printed() -> Callable[..., str]:
    """What a report prints, on a console of a hundred columns."""

    def printed(made: Report) -> str:
        console = Console(width=100, record=True, file=io.StringIO(), highlight=False)
        print_short(made, console)
        return console.export_text()

    return printed
