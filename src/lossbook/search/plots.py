"""The pictures of a search: its history, the effect of each value, learning curves, and importances."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.markers import CARETDOWN, CARETUP

from lossbook.formatting import metric as shown
from lossbook.formatting import plural
from lossbook.plots.axes import integer_ticks, labelled, legend_below, limits_near_best
from lossbook.plots.style import BLUE, FAINT, INK, ORANGE, RED, picture
from lossbook.search.plan import SearchPlan
from lossbook.search.space import Parameter
from lossbook.search.trials import Trial, ranked

_BEST: dict[str, Any] = {"marker": "*", "s": 260, "color": ORANGE, "edgecolors": INK, "linewidths": 0.8, "zorder": 6}
_COMPLETED: dict[str, Any] = {"s": 34, "color": BLUE, "alpha": 0.8, "linewidths": 0, "zorder": 4}
_PRUNED: dict[str, Any] = {"marker": "x", "s": 26, "color": FAINT, "linewidths": 1.2, "zorder": 3}
_FAILED: dict[str, Any] = {"color": RED, "markersize": 16, "markeredgewidth": 2}
_BEST_SO_FAR: dict[str, Any] = {"where": "post", "color": ORANGE, "linewidth": 2, "label": "best so far", "zorder": 2}
_BELOW: dict[str, Any] = {"marker": CARETDOWN, "s": 44, "linewidths": 0}
_ABOVE: dict[str, Any] = {**_BELOW, "marker": CARETUP}
_COMPLETED_LINE: dict[str, Any] = {"color": BLUE, "linewidth": 1, "alpha": 0.45, "zorder": 3}
_PRUNED_LINE: dict[str, Any] = {"color": FAINT, "linewidth": 0.9, "alpha": 0.7, "zorder": 2}
_BEST_LINE: dict[str, Any] = {"color": ORANGE, "linewidth": 2.6, "zorder": 5}
_STEPS: dict[str, Any] = {"drawstyle": "steps-post"}
_ENLARGED = 0.7  # the best is also drawn enlarged if it takes up less than this part of the axis
_NAME = 34  # letters of a category that are shown


def draw_search(
    folder: Path, plan: SearchPlan, trials: Sequence[Trial], importances: Sequence[tuple[str, float]]
) -> list[Path]:
    """Write the pictures of a search as PNG; none if no trial has a value yet.

    Returns:
        The files: ``history.png``, ``values.png``, and if there is anything to show ``curves.png`` and
        ``importance.png``.
    """
    seen = [trial for trial in trials if trial.result is not None and trial.status in ("completed", "pruned")]
    if not seen:
        return []
    best = next(iter(ranked(trials, plan)), None)
    drawn = [_history, _values, *([_curves] if any(len(trial.curve) > 1 for trial in seen) else [])]
    written = []
    for one in drawn:
        path = folder / f"{one.__name__.strip('_')}.png"
        one(path, plan, trials, seen, best)
        written.append(path)
    if importances:
        written.append(folder / "importance.png")
        _importance(written[-1], importances, len(seen))
    return written


def _history(path: Path, plan: SearchPlan, trials: Sequence[Trial], seen: Sequence[Trial], best: Trial | None) -> None:
    name, mode = plan.primary
    with picture(path, 9, 5) as figure:
        axes = figure.add_subplot()
        inside = _limit_values(axes, mode, seen)
        done = [trial for trial in trials if trial.status == "completed"]
        if done:
            running = np.fmax if mode == "max" else np.fmin
            numbers = [trial.number for trial in done]
            line = running.accumulate([_value(trial) for trial in done])
            axes.step([*numbers, trials[-1].number], [*line, line[-1]], **_BEST_SO_FAR)
        failed = [trial.number for trial in trials if trial.status == "failed"]
        if failed:
            at_the_bottom = [0.04] * len(failed)
            across = axes.get_xaxis_transform()
            axes.plot(failed, at_the_bottom, "|", transform=across, **_FAILED, label=f"{len(failed)} failed")
        axes.set_xlabel("trial")
        axes.set_ylabel(f"{name} of the best epoch")
        integer_ticks(axes.xaxis)
        told = "none completed"
        if best is not None:
            loss = f" (val/loss {shown(best.loss)})" if math.isfinite(best.loss) else ""
            told = f"best {name} {shown(best.result)}{loss}, in trial {best.number}"
        axes.set_title(f"{plural(sum(trial.counts for trial in trials), 'trial')}: {told}", loc="left", pad=12)
        _points(axes, seen, best, lambda trial: trial.number, inside)
        _legend(figure, 6)


def _values(path: Path, plan: SearchPlan, trials: Sequence[Trial], seen: Sequence[Trial], best: Trial | None) -> None:
    """Draw the metric against each parameter, on one scale for all."""
    name, mode = plan.primary
    columns = min(len(plan.parameters), 3)
    rows = math.ceil(len(plan.parameters) / columns)
    with picture(path, max(6.0, 4.2 * columns), 3.7 * rows + 0.7) as figure:
        first = None
        for place, one in enumerate(plan.parameters):
            axes = figure.add_subplot(rows, columns, place + 1, sharey=first)
            if first is None:
                first, inside = axes, _limit_values(axes, mode, seen)
            have = [trial for trial in seen if one.name in trial.values]
            failed = [trial for trial in trials if trial.status == "failed" and one.name in trial.values]
            at = _on_axis(axes, one, have, failed)
            _points(axes, have, best if best in have else None, at, inside)
            axes.set_xlabel(f"{one.name}{' (log scale)' if one.log else ''}")
            if place % columns == 0:
                axes.set_ylabel(name)
            else:
                axes.tick_params(labelleft=False)
        figure.suptitle(f"{name} of the best epoch against each parameter", x=0.01, ha="left")
        _legend(figure, 2 * columns)


def _on_axis(axes: Axes, one: Parameter, have: Sequence[Trial], failed: Sequence[Trial]) -> Callable[[Trial], Any]:
    """Set up the axis of a parameter for its whole range; return what gives a trial's position on it."""
    if not one.choices:
        if one.log:
            axes.set_xscale("log")
            margin = (one.high / one.low) ** 0.04
            axes.set_xlim(one.low / margin, one.high * margin)
        else:
            margin = (one.high - one.low) * 0.04 or 0.5
            axes.set_xlim(one.low - margin, one.high + margin)
        return lambda trial: trial.values[one.name]
    counts = [_count(one.name, choice, have, failed) for choice in one.choices]
    names = [choice if len(choice) <= _NAME else f"{choice[: _NAME - 3]}..." for choice in one.choices]
    if crowded := sum(len(name) + 2 for name in names) > 44:
        labels = [f"{name} ({', '.join(count)})" for name, count in zip(names, counts, strict=True)]
    else:
        labels = ["\n".join((name, *count)) for name, count in zip(names, counts, strict=True)]
    axes.set_xticks(range(len(labels)), labels, rotation=90 if crowded else 0)
    axes.set_xlim(-0.5, len(labels) - 0.5)
    axes.grid(axis="x", visible=False)
    # spread out, so that equal values do not hide each other
    return lambda trial: one.choices.index(trial.values[one.name]) + ((trial.number * 0.618) % 1 - 0.5) * 0.6


def _count(name: str, choice: str, have: Sequence[Trial], failed: Sequence[Trial]) -> list[str]:
    """Return how many trials had this choice, as ``2 trials``, ``1 failed``."""
    shown, lost = (sum(trial.values[name] == choice for trial in some) for some in (have, failed))
    told = [plural(shown, "trial")] if shown or not lost else []
    return [*told, f"{lost} failed"] if lost else told


def _curves(path: Path, plan: SearchPlan, trials: Sequence[Trial], seen: Sequence[Trial], best: Trial | None) -> None:
    """Draw all curves, which show where trials were pruned, and beside them an enlarged view near the best."""
    name, mode = plan.primary
    drawn = [trial for trial in seen if trial.curve]
    last = {trial.number: list(trial.curve.items())[-1] for trial in drawn}
    done = [last[trial.number][1] for trial in drawn if trial.status == "completed"]
    low, high = limits_near_best([value for _, value in last.values()], mode, done)
    every = [value for trial in drawn for value in trial.curve.values()]
    enlarged = high - low < _ENLARGED * (max(every) - min(every))
    with picture(path, 12 if enlarged else 8, 5) as figure:
        panels = figure.subplots(1, 2 if enlarged else 1, squeeze=False)[0]
        for axes in panels:
            for trial in drawn:
                epoch, value = last[trial.number]
                if trial == best:
                    _curve(axes, trial, _BEST_LINE)
                    axes.scatter(epoch + 1, value, **_BEST)
                else:
                    _curve(axes, trial, _PRUNED_LINE if trial.status == "pruned" else _COMPLETED_LINE)
                    if trial.status == "pruned":
                        axes.scatter(epoch + 1, value, **_PRUNED)
            axes.set_xlabel("epoch")
            integer_ticks(axes.xaxis)
        panels[0].set_ylabel(f"best {name} so far")
        if enlarged:
            panels[1].set_ylim(low, high)
            panels[1].set_title("near the best", loc="left", fontsize=11)
        counts = Counter(trial.status for trial in trials)
        told = [f"{counts[status]} {status}" for status in ("completed", "pruned") if counts[status]]
        panels[0].set_title(f"Trials: {', '.join(told)}", loc="left", fontsize=11)
        looks = {"completed": _COMPLETED_LINE, "pruned": {**_PRUNED_LINE, "marker": "x"}}
        others = {trial.status for trial in drawn if trial != best}
        for status in (status for status in looks if status in others):
            panels[0].plot([], [], **looks[status], label=status)
        if best in drawn:
            panels[0].plot([], [], **_BEST_LINE, marker="*", markersize=11, label=f"best (trial {best.number})")
        _legend(figure, 3)


def _curve(axes: Axes, trial: Trial, look: Mapping[str, Any]) -> None:
    axes.plot([epoch + 1 for epoch in trial.curve], list(trial.curve.values()), **_STEPS, **look)


def _importance(path: Path, importances: Sequence[tuple[str, float]], count: int) -> None:
    names, shares = zip(*reversed(importances), strict=True)
    with picture(path, 8, 1.6 + 0.42 * len(names)) as figure:
        axes = figure.add_subplot()
        bars = axes.barh(names, shares, color=BLUE, height=0.6)
        axes.bar_label(bars, [f"{share:.0%}" for share in shares], padding=4)
        axes.set_xlim(0, max(shares) * 1.12)
        axes.grid(axis="y", visible=False)
        axes.xaxis.set_major_formatter("{x:.0%}")
        axes.set_xlabel("share (PED-ANOVA)")
        axes.set_title(f"Importance of each parameter for the best quarter of {count} trials", loc="left", pad=12)


def _points(
    axes: Axes, seen: Sequence[Trial], best: Trial | None, at: Callable[[Trial], Any], inside: Callable[[float], float]
) -> None:
    """Draw trials as points, those beyond the axis as carets at its edge."""
    for status, look in (("completed", _COMPLETED), ("pruned", _PRUNED)):
        some = [trial for trial in seen if trial.status == status and trial != best]
        within = [trial for trial in some if inside(_value(trial)) == _value(trial)]
        if some:
            values = [_value(trial) for trial in within]
            axes.scatter([at(trial) for trial in within], values, **look, label=status)
        for trial in some:
            if trial not in within:
                edge = inside(_value(trial))
                caret, beyond = (_BELOW, "below the scale") if _value(trial) < edge else (_ABOVE, "above the scale")
                axes.scatter(at(trial), edge, **{**look, **caret, "clip_on": False}, label=beyond)
    if best is not None:
        axes.scatter(at(best), _value(best), **_BEST)
        axes.scatter([], [], **{**_BEST, "s": 120}, label=f"best (trial {best.number})")


def _legend(figure: Figure, columns: int) -> None:
    """Add the legend, with what lies beyond the axes last."""
    entries = labelled(figure)
    beyond = [name for name in ("below the scale", "above the scale") if name in entries]
    legend_below(figure, entries | {name: entries.pop(name) for name in beyond}, columns, ink=beyond)


def _limit_values(axes: Axes, mode: str, seen: Sequence[Trial]) -> Callable[[float], float]:
    """Limit the axis to the better trials; return what moves a value onto it."""
    done = [_value(trial) for trial in seen if trial.status == "completed"]
    low, high = limits_near_best([_value(trial) for trial in seen], mode, done)
    axes.set_ylim(low, high)
    return lambda value: min(max(value, low), high)


def _value(trial: Trial) -> float:
    assert trial.result is not None
    return trial.result
