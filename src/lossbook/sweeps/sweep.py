"""Running a sweep: print the plan, run the jobs that are due, write the report."""

from __future__ import annotations

import shlex
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from lossbook.errors import UserError, refuse
from lossbook.formatting import duration, plural
from lossbook.invocation import words
from lossbook.records.sweep import SweepJob, SweepPlan
from lossbook.report.report import print_short, report
from lossbook.sweeps.job_state import JobState, is_due, state_now
from lossbook.sweeps.locks import clear_stop, is_running
from lossbook.sweeps.progress import SweepProgress

Launch = Callable[[Path, Sequence[SweepJob]], None]


def run_sweep(sweep: Path, plan: SweepPlan, launch: Launch, retry: bool, how: str) -> None:
    """Run the jobs of a sweep that are due, and write its report.

    Args:
        sweep: its folder, which holds the plan.
        plan: of the sweep.
        launch: runs jobs somewhere, and returns when all have ended.
        retry: whether jobs that failed before are run again.
        how: a description of where the jobs run.

    Raises:
        UserError: jobs failed; all others have run, and the report has been written.
    """
    out = Console(highlight=False, soft_wrap=True)
    before = {job.number: state_now(sweep / str(job.number)) for job in plan.allowed}
    due = [job for job in plan.allowed if is_due(before[job.number], retry)]
    _print_plan(out, sweep, plan, before, due, how)
    began = time.monotonic()
    clear_stop(sweep)
    try:
        with SweepProgress(sweep, due, out):
            launch(sweep, due)
    except BaseException:
        out.print(f"\n{_counted(sweep, plan)}")
        if any(state_now(sweep / str(job.number)).status == "completed" for job in plan.allowed):
            _report(out, sweep)
        if any(is_running(sweep / str(job.number)) for job in due):
            out.print("[dim]note   [/dim] jobs that a launcher sent elsewhere train on; end them there (scancel, kill)")
        out.print(f"[dim]go on  [/dim] {escape(_resuming(sweep, plan))}")
        raise
    _end(out, sweep, plan, time.monotonic() - began)


def _print_plan(
    out: Console, sweep: Path, plan: SweepPlan, before: dict[int, JobState], due: Sequence[SweepJob], how: str
) -> None:
    """Print which jobs will run, which are refused, and why."""
    out.print(f"[dim]sweep  [/dim] {escape(str(sweep))}")
    shut = [job for job in plan.jobs if job.refused is not None]
    varied = " x ".join(f"{key} ({len(_values(plan, key))})" for key in plan.varied)
    out.print(f"[dim]jobs   [/dim] [bold]{len(plan.jobs)}[/bold]  {escape(varied)}".rstrip())
    out.print(f"[dim]run    [/dim] {how}; a job prints into its own output.txt")
    if shut:
        out.print(f"[dim]refused[/dim] {len(shut)}: their choices do not fit together")
        for reason, names in _by_reason(shut).items():
            out.print(f"        [bold]{escape(names)}[/bold]")
            out.print("\n".join(f"          {escape(line)}" for line in reason.splitlines()))
    data = Counter(job.data for job in plan.allowed if job.data).most_common()
    if len(data) > 1 and not any(one.lstrip("+").startswith("data=") for job in plan.jobs for one in job.overrides):
        counted = ", ".join(f"{name} ({count})" for name, count in data)
        out.print(
            f"[dim]note   [/dim] each loss has its own default data, so these jobs are not all compared: {counted};"
        )
        out.print(f"        data={data[0][0]} compares all that accept it")
    states = Counter(ending.status for ending in before.values())
    done = ", ".join(f"{count} {status}" for status, count in states.items() if status != "waiting")
    if done:
        out.print(f"[dim]so far [/dim] {done}; {plural(len(due), 'job')} to run")
    if due:
        out.print()


def _end(out: Console, sweep: Path, plan: SweepPlan, seconds: float) -> None:
    endings = {job: state_now(sweep / str(job.number)) for job in plan.allowed}
    out.print(f"\n{_counted(sweep, plan)} in {duration(seconds)}\n")
    if any(ending.status != "waiting" for ending in endings.values()):
        _report(out, sweep)
    out.print(f"[dim]curves [/dim] tensorboard --logdir {escape(shlex.quote(str(sweep)))}")
    failed = [job for job, ending in endings.items() if ending.status == "failed"]
    if failed:
        given = f"{len(failed)} of {plural(len(endings), 'job')} failed: {_numbers(failed)}."
        rule = "The output of each is in its output.txt, the messages are in the report."
        raise refuse(given, rule, f"{_resuming(sweep, plan)} sweep.retry=true")
    open_still = [job for job, ending in endings.items() if ending.status not in ("completed", "pruned")]
    if open_still:
        given = f"{plural(len(open_still), 'job')} of {len(endings)} have not ended: {_numbers(open_still)}."
        raise refuse(given, "Another process is running them, or was killed.", _resuming(sweep, plan))


def _report(out: Console, sweep: Path) -> None:
    try:
        print_short(report([sweep], sweep / "report"))
    except UserError as error:  # the metrics are there, whatever keeps the report from being written
        out.print(f"[dim]report [/dim] {escape(error.problems[0].given)}: {escape(error.problems[0].rule)}")


def _counted(sweep: Path, plan: SweepPlan) -> str:
    """Return ``3 completed, 1 interrupted, 2 waiting``."""
    counts = Counter(state_now(sweep / str(job.number)).status for job in plan.allowed)
    return ", ".join(f"{count} {status}" for status, count in counts.items())


def _values(plan: SweepPlan, key: str) -> set[str]:
    pairs = (override.lstrip("+~").partition("=") for job in plan.jobs for override in job.overrides)
    return {value for name, _, value in pairs if name == key}


def _by_reason(jobs: Sequence[SweepJob]) -> dict[str, str]:
    """Return the names of the refused jobs by reason."""
    names: dict[str, list[str]] = {}
    for job in jobs:
        names.setdefault(str(job.refused), []).append(job.name or f"#{job.number}")
    return {
        reason: names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
        for reason, names in names.items()
    }


def _resuming(sweep: Path, plan: SweepPlan) -> str:
    return shlex.join([*words(plan.command[0]), f"sweep.resume={sweep}"])


def _numbers(jobs: Sequence[SweepJob]) -> str:
    shown = ", ".join(f"#{job.number}" for job in jobs[:10])
    return f"{shown}, ..." if len(jobs) > 10 else shown
