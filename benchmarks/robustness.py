"""Check that any input is trained on or refused with a message: no traceback, hang, crash, or setting without effect.

    python benchmarks/robustness.py                                # 100 of each kind
    python benchmarks/robustness.py --sample 5000 --kinds overrides
    python benchmarks/robustness.py --seed 1 --kinds tables checkpoints

overrides: wrong types, signs, zero, infinities, sizes and structures for every key of every option. tables, images,
checkpoints: broken and unusual files; labels, weights and inputs of each sample of tables and images are compared with
the files, read without Lossbook. evaluations: checkpoints on data that has changed since training, with metrics
recomputed by NumPy and scikit-learn. predictions: new tables and images, each prediction recomputed by NumPy.

Each case is composed, checked and, if accepted, trained for two steps (or evaluated, or resumed) in its own process
with a time limit. It prints the counts by kind, and each fault with its command, and exits with 1 if there is a fault.
The same seed gives the same sample. Two workers do about four cases a second.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import importlib
import json
import os
import shlex
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parent))

SECONDS = 120  # a longer run counts as a hang; 10,000 columns take 15, and far longer on a busy machine
RESULTS = ("trained", "refused")


@dataclass(frozen=True)
class Job:
    """One case.

    Args:
        kind: under which it is counted.
        command: that reproduces it.
        run: runs it in its own folder; raises UserError if it is refused.
        allowed: results that are not faults.
    """

    kind: str
    command: str
    run: Callable[[], object]
    allowed: Sequence[str] = RESULTS


@dataclass
class Running:
    """The process of a job."""

    job: Job
    pid: int
    folder: Path
    since: float = field(default_factory=time.perf_counter)


def main() -> int:
    """Run the sample and print the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", type=int, default=100, help="of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", nargs="+", choices=list(KINDS), default=[kind for kind in KINDS if _is_here(kind)])
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    _warm()
    counts: Counter[tuple[str, str]] = Counter()
    faults: list[tuple[Job, str]] = []
    with tempfile.TemporaryDirectory(prefix="lossbook-robustness-") as place:
        for kind in options.kinds:
            jobs = KINDS[kind](options.seed, options.sample, Path(place))
            # a damaged checkpoint is removed when the next one is made
            for job, result in _results(jobs, 1 if kind == "checkpoints" else options.workers, Path(place)):
                fault = result if result not in RESULTS else "" if result in job.allowed else f"{result}: not expected"
                counts[job.kind, "FAULT" if fault else result] += 1
                if fault:
                    faults.append((job, fault))
    for (kind, result), number in sorted(counts.items()):
        print(f"{kind:<12} {result:<8} {number:>6,}")
    for job, fault in faults:
        print(f"\n{job.command}\n  {fault}")
    return 1 if faults else 0


def overrides(seed: int, count: int, folder: Path) -> Iterator[Job]:
    """Yield bad values for every key of every option."""
    from robustness_overrides import overrides as drawn

    for given in drawn(seed, count):
        yield Job("overrides", _command("train", given), lambda given=given: _train(given))  # type: ignore[misc]


def tables(seed: int, count: int, folder: Path) -> Iterator[Job]:
    """Yield broken and unusual tables."""
    return _trained_on("tables", seed, count, folder)


def images(seed: int, count: int, folder: Path) -> Iterator[Job]:
    """Yield broken and unusual folders of images."""
    return _trained_on("images", seed, count, folder)


def _trained_on(kind: str, seed: int, count: int, folder: Path) -> Iterator[Job]:
    """Yield one batch of training for each case of a kind."""
    made = getattr(importlib.import_module(f"robustness_{kind}"), kind)
    for case in made(seed, count, folder / kind):
        given = (*case.overrides, "trainer=one_batch", "logger=none", "trainer.accelerator=cpu")
        run = lambda given=given, check=case.check: _train(given, check)  # noqa: E731
        yield Job(kind, f"{case.kind}: {_command('train', given)}", run, case.allowed)


def checkpoints(seed: int, count: int, folder: Path) -> Iterator[Job]:
    """Yield damaged and foreign checkpoints, to be resumed and evaluated in turn."""
    import lossbook

    made = importlib.import_module("robustness_checkpoints").checkpoints
    small = ("data=digits", "data.limit=48", "trainer.max_epochs=2", "trainer.accelerator=cpu", "logger=none")
    with contextlib.redirect_stdout(sys.stderr):
        lossbook.train(lossbook.compose(*small), folder / "good")
    good = folder / "good" / "checkpoints" / "last.ckpt"
    for number, case in enumerate(made(seed, count, folder / "checkpoints", good)):
        given = (f"ckpt={case.path}", *(("trainer.max_epochs=3",) if number % 2 else ()))
        script, run = ("train", _train) if number % 2 else ("evaluate", _evaluate)
        yield Job("checkpoints", f"{case.what}: {_command(script, given)}", lambda run=run, given=given: run(given))  # type: ignore[misc]


def evaluations(seed: int, count: int, folder: Path) -> Iterator[Job]:
    """Yield checkpoints on data that has changed since training, evaluated or, every third time, resumed."""
    made = importlib.import_module("robustness_evaluations").evaluations
    for case in made(seed, count, folder / "evaluations"):
        yield Job("evaluations", f"{case.kind}: {_command(case.script, case.overrides)}", case.run, case.allowed)


def predictions(seed: int, count: int, folder: Path) -> Iterator[Job]:
    """Yield new tables and folders of images, predicted for."""
    made = importlib.import_module("robustness_predictions").predictions
    for case in made(seed, count, folder / "predictions"):
        yield Job("predictions", f"{case.kind}: {_command(case.script, case.overrides)}", case.run, case.allowed)


KINDS: dict[str, Callable[[int, int, Path], Iterator[Job]]] = {
    "overrides": overrides,
    "tables": tables,
    "images": images,
    "checkpoints": checkpoints,
    "evaluations": evaluations,
    "predictions": predictions,
}


def _is_here(kind: str) -> bool:
    return (Path(__file__).parent / f"robustness_{kind}.py").is_file()


def _command(script: str, given: Sequence[str]) -> str:
    return f"python scripts/{script}.py {' '.join(map(shlex.quote, given))}"


def _train(given: Sequence[str], check: Callable[[Any], None] | None = None) -> None:
    import lossbook
    from lossbook.config.resolve import plain

    loaded = [] if check is None else _loaded()
    config = lossbook.compose(*given)
    lossbook.train(config, "run")
    status = json.loads(Path("run/metrics.json").read_text())["status"]
    if status != "completed":
        raise RuntimeError(f"status {status}")
    if check is not None:
        check(loaded[-1])
        return
    last = given[-1]
    changed = plain(config) | {"overrides": None} != _before(given[:-1])
    if last.partition("=")[0].endswith(".robustness") or (last.startswith("~") and not changed):
        raise RuntimeError(f"{last} was accepted without effect")


def _loaded() -> list[Any]:
    """Return a list to which what a source of a user's own data loads is appended, in this process."""
    from lossbook.data.source import OwnSource

    loaded: list[Any] = []
    load = OwnSource.load

    def kept(source: OwnSource) -> Any:
        loaded.append(load(source))
        return loaded[-1]

    OwnSource.load = kept  # type: ignore[method-assign]
    return loaded


def _before(given: Sequence[str]) -> dict[str, object] | None:
    """Return the config without the last override; None if that does not compose."""
    import lossbook
    from lossbook.config.resolve import plain
    from lossbook.errors import UserError

    try:
        return plain(lossbook.compose(*given)) | {"overrides": None}
    except UserError:
        return None


def _evaluate(given: Sequence[str]) -> None:
    import lossbook

    lossbook.evaluate(lossbook.compose(*given))


def _warm() -> None:
    """Import what every process needs once, before any is forked."""
    import torch

    torch.set_num_threads(1)
    for module in (
        "lossbook.config.compose",
        "lossbook.models.mlp",
        "lossbook.training.assemble",
        "lossbook.training.callbacks.progress",
        "lossbook.training.fit",
        "lossbook.training.summary",
        "lossbook.training.train",
        "sklearn.datasets",
        "PIL.Image",
    ):
        importlib.import_module(module)
    gc.freeze()  # what is not collected stays in memory that all processes share


def _results(jobs: Iterator[Job], workers: int, place: Path) -> Iterator[tuple[Job, str]]:
    """Yield each job with its result: ``trained``, ``refused``, or the description of a fault."""
    running: list[Running] = []
    for number, job in enumerate(jobs):
        folder = place / f"job{number}"
        folder.mkdir()
        running.append(Running(job, _forked(job, folder), folder))
        while len(running) >= workers:
            yield from _ended(running)
    while running:
        yield from _ended(running)


def _forked(job: Job, folder: Path) -> int:
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return pid
    os.setsid()  # its children belong to its group
    os.chdir(folder)
    for stream, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT, 0o644), stream)
    (folder / "result").write_text(_outcome(job))
    os._exit(0)


def _outcome(job: Job) -> str:
    from lossbook.errors import UserError

    try:
        job.run()
    except UserError as error:
        lines = [len(str(problem).splitlines()) for problem in error.problems]
        return "refused" if str(error).strip() and max(lines) <= 8 else f"a message of {max(lines)} lines"
    except BaseException as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        said = str(error).partition("\n")[0][:160]
        return f"traceback: {type(error).__name__}: {said} ({where.filename.rpartition('/')[2]}:{where.lineno})"
    printed = Path("stderr").read_text(errors="replace")
    return "traceback on stderr" if "Traceback (most recent" in printed else "trained"


def _ended(running: list[Running]) -> Iterator[tuple[Job, str]]:
    """Yield the jobs that have ended, or are killed because they took too long."""
    time.sleep(0.005)
    for one in list(running):
        pid, status = os.waitpid(one.pid, os.WNOHANG)
        late = time.perf_counter() - one.since > SECONDS
        if not pid and not late:
            continue
        with contextlib.suppress(ProcessLookupError):
            os.killpg(one.pid, signal.SIGKILL)
        if not pid:
            os.waitpid(one.pid, 0)
        running.remove(one)
        result = one.folder / "result"
        ended = f"crash: signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else "crash: it wrote no result"
        yield one.job, result.read_text() if result.is_file() else f"hang: over {SECONDS} s" if not pid else ended
        shutil.rmtree(one.folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
