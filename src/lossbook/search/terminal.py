"""A search on the terminal: what it varies, each trial as it ends, and the outcome."""

from __future__ import annotations

import shlex
import threading
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from lossbook.errors import refuse
from lossbook.formatting import duration, line, metric, plural
from lossbook.invocation import as_typed
from lossbook.report.ranks import rounded
from lossbook.search.plan import SearchPlan
from lossbook.search.trials import Trial, ranked

_BEST = 5  # trials that are listed


class SearchPrinter:
    """Prints the messages of a search, one line at a time although several threads send them.

    Args:
        folder: of the search.
        plan: of the search.
        out: where to print.
    """

    def __init__(self, folder: Path, plan: SearchPlan, out: Console) -> None:
        self.folder = folder
        self.plan = plan
        self.out = out
        self._lock = threading.Lock()

    def print_plan(self, trials: Sequence[Trial], total: int, workers: int) -> None:
        """Print what is searched, how, and how far it is."""
        name, mode = self.plan.primary
        say = self.out.print
        say(f"[dim]search [/dim] {escape(str(self.folder))}")
        say(f"[dim]for    [/dim] the {'largest' if mode == 'max' else 'smallest'} [bold]{name}[/bold] of a best epoch")
        width = max(len(one.name) for one in self.plan.parameters)
        for place, one in enumerate(self.plan.parameters):
            say(f"[dim]{'vary' if place == 0 else '':<7}[/dim] [bold]{one.name:<{width}}[/bold]  {escape(str(one))}")
        if self.plan.fixed:
            say(f"[dim]fixed  [/dim] {escape(' '.join(self.plan.fixed))}")
        how = f"sampler {self.plan.sampler}, pruner {self.plan.pruner}, seed {self.plan.seed}"
        say(f"[dim]trials [/dim] {total}, {how}, {plural(workers, 'worker')}")
        if (there := sum(trial.counts for trial in trials)) > total:
            say(f"[dim]note   [/dim] there are {there} trials already, more than the requested {total}")
        for given, reason in self.plan.refused:
            say(f"[dim]refused[/dim] {escape(given)}: {escape(' '.join(reason.split()))}")
        if any(trial.counts for trial in trials):
            say(f"[dim]so far [/dim] {_counted([trial for trial in trials if trial.counts])}")
        say("")

    def print_trial(self, trial: Trial, trials: Sequence[Trial]) -> None:
        """Print a line for a trial that has ended."""
        ended = sum(one.counts and one.status not in ("running", "interrupted") for one in trials)
        tag = self.plan.primary[0]
        what = escape(self.plan.named(trial.values))
        spent = f"{plural(trial.epochs or 0, 'epoch')}, {duration(trial.seconds or 0)}"
        if trial.status == "completed":
            rivals = [one for one in ranked(trials, self.plan) if one.number != trial.number]
            alone = not rivals or self._better(trial, rivals[0])
            mark = "  [bold green]best so far[/bold green]" if alone else ""
            text = f"{tag} [bold]{metric(trial.result)}[/bold]  {what}  [dim]{spent}[/dim]{mark}"
        elif trial.status == "pruned":
            text = f"[dim]{tag} {metric(trial.result)}  {what}  pruned after {spent}[/dim]"
        else:
            text = f"[red]failed[/red]  {what}  {escape(line(trial.message))}"
        with self._lock:
            self.out.print(f"{ended:>4}  #{trial.number:<4} {text}")

    def print_outcome(
        self, trials: Sequence[Trial], importances: Sequence[tuple[str, float]], pictures: Sequence[Path]
    ) -> None:
        """Print the best trials and the command that reproduces the best one.

        Raises:
            UserError: all trials failed.
        """
        counted = [trial for trial in trials if trial.counts]
        self.out.print(f"\n{_counted(trials) or 'no trials'}\n")
        reasons = Counter(line(trial.message) for trial in trials if trial.status == "refused")
        for reason, count in reasons.most_common(_BEST):
            self.out.print(f"[dim]refused [/dim] {plural(count, 'trial')}: {escape(reason)}")
        best = ranked(trials, self.plan)
        if not best:
            failed = [trial for trial in counted if trial.status == "failed"]
            if not failed or len(failed) < len(counted):
                return
            given = f"All {len(failed)} trials failed." if len(failed) > 1 else "The trial failed."
            where = self.folder / str(failed[0].number) / "output.txt"
            raise refuse(given, f"The first: {line(failed[0].message)}", f"read its output in {where}")
        self._rows(best[:_BEST])
        self.out.print()
        if importances:
            shares = ", ".join(f"{name} {share:.0%}" for name, share in importances[:6])
            self.out.print(f"[dim]matters [/dim] {escape(shares)}")
        equal = [trial for trial in best if rounded(trial.result) == rounded(best[0].result)]
        if len(equal) > 1:
            told = f"{plural(len(equal), 'trial')} have this value; {self._tie_break(equal)} of them is first"
            self.out.print(f"[dim]equal   [/dim] {told}")
        for place, path in enumerate(pictures):
            self.out.print(f"[dim]{'pictures' if place == 0 else '':<8}[/dim] {escape(str(path))}")
        self.out.print(f"[dim]curves  [/dim] tensorboard --logdir {escape(shlex.quote(str(self.folder)))}")
        folder = self.folder / str(best[0].number)
        checkpoint = folder / "checkpoints" / "best.ckpt"
        self.out.print(f"[dim]weights [/dim] {escape(str(checkpoint if checkpoint.exists() else folder))}")
        self.out.print(f"[dim]best    [/dim] [bold]{escape(best_command(self.plan, best[0]))}[/bold]")

    def print_rest(self, trials: Sequence[Trial], total: int, interrupted: bool) -> None:
        """Print why there are fewer trials than requested, if so, and how to resume."""
        elsewhere = sum(trial.status == "running" for trial in trials)
        if elsewhere:
            self.out.print(f"[dim]note    [/dim] other processes are still training {plural(elsewhere, 'trial')}")
        if interrupted or any(trial.status == "interrupted" for trial in trials):
            command = ["python", "scripts/search.py", f"search.resume={self.folder}"]
            self.out.print(f"[dim]go on   [/dim] {escape(as_typed(shlex.join(command)))}")
        elif not elsewhere and sum(trial.counts for trial in trials) < total:
            failed = sum(trial.status == "failed" for trial in trials)
            again = f"; {failed} of them failed, which only a new search (another folder) tries again" if failed else ""
            self.out.print(f"[dim]note    [/dim] every combination of these values has been tried{again}")

    def _better(self, trial: Trial, other: Trial) -> bool:
        one, two = rounded(trial.result), rounded(other.result)
        return one > two if self.plan.primary[1] == "max" else one < two

    def _tie_break(self, equal: Sequence[Trial]) -> str:
        """Return by what the first of trials with equal values is first."""
        lowest = [trial for trial in equal if rounded(trial.loss) == rounded(equal[0].loss)]
        if not self._compare_losses(equal) or len(lowest) == len(equal):
            return "the earliest"
        return "the lowest val/loss" if len(lowest) == 1 else "the earliest of the lowest val/loss"

    def _compare_losses(self, trials: Sequence[Trial]) -> bool:
        return len({self.plan.criterion(trial.values) for trial in trials}) == 1

    def _rows(self, best: Sequence[Trial]) -> None:
        """Print a line per trial: a table's columns would be too narrow for many parameters."""
        tag, losses = self.plan.primary[0], self._compare_losses(best)
        self.out.print(f"trial  {tag:>10}{'  val/loss' if losses else ''}  epochs      time")
        for place, trial in enumerate(best):
            loss = f"  {metric(trial.loss):>8}" if losses else ""
            spent = f"{trial.epochs or '':>6}  {duration(trial.seconds or 0):>8}"
            text = (
                f"{trial.number:>5}  {metric(trial.result):>10}{loss}  {spent}  {escape(self.plan.named(trial.values))}"
            )
            self.out.print(f"[bold]{text}[/bold]" if place == 0 else text)


def best_command(plan: SearchPlan, trial: Trial) -> str:
    """Return the shell command that reproduces a trial."""
    flags = ["--config-dir", plan.folders[0]] if plan.folders else []
    command = as_typed(shlex.join(["python", "scripts/train.py", *flags, *plan.overrides(trial.values)]))
    return command if trial.threads is None else f"OMP_NUM_THREADS={trial.threads} {command}"


def _counted(trials: Sequence[Trial]) -> str:
    """Return ``3 completed, 1 interrupted``."""
    return ", ".join(f"{count} {status}" for status, count in Counter(trial.status for trial in trials).items())
