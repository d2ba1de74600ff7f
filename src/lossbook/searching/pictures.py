"""The pictures of a search: how it went, what each value did, how trials trained, what mattered."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.markers import CARETDOWN, CARETUP
from matplotlib.ticker import MaxNLocator

from lossbook.pictures.style import BLUE, FAINT, INK, ORANGE, RED, picture
from lossbook.searching.plan import Plan
from lossbook.searching.space import Parameter
from lossbook.searching.trials import Trial, ranked
from lossbook.shown import figure as shown
from lossbook.shown import plural

_BEST: dict[str, Any] = {"marker": "*", "s": 260, "color": ORANGE, "edgecolors": INK, "linewidths": 0.8, "zorder": 6}
_COMPLETED: dict[str, Any] = {"s": 34, "color": BLUE, "alpha": 0.8, "linewidths": 0, "zorder": 4}
_PRUNED: dict[str, Any] = {"marker": "x", "s": 26, "color": FAINT, "linewidths": 1.2, "zorder": 3}
_TRAINED: dict[str, Any] = {"color": BLUE, "linewidth": 1, "alpha": 0.45, "zorder": 3}
_GIVEN_UP: dict[str, Any] = {"color": FAINT, "linewidth": 0.9, "alpha": 0.7, "zorder": 2}
_STEPS: dict[str, Any] = {"drawstyle": "steps-post"}
_NAME = 34  # letters of a category that are shown


def draw(folder: Path, plan: Plan, trials: Sequence[Trial], importances: Sequence[tuple[str, float]]) -> list[Path]:
    """Write the pictures as PNG; none where no trial has a figure yet.

    Returns:
        The files: ``history.png``, ``values.png``, and where there is something to show ``curves.png`` and
        ``importance.png``.
    """
    seen = [trial for trial in trials if trial.figure is not None and trial.status in ("completed", "pruned")]
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


def _history(path: Path, plan: Plan, trials: Sequence[Trial], seen: Sequence[Trial], best: Trial | None) -> None:
    name, mode = plan.primary
    with picture(path, 9, 5) as figure:
        axes = figure.add_subplot()
        inside = _limit(
            axes, mode, [_value(trial) for trial in seen], [_value(t) for t in seen if t.status == "completed"]
        )
        _points(axes, seen, best, lambda trial: trial.number, inside)
        done = [trial for trial in trials if trial.status == "completed"]
        if done:
            running = np.fmax if mode == "max" else np.fmin
            numbers = [trial.number for trial in done]
            line = running.accumulate([_value(trial) for trial in done])
            axes.step(
                [*numbers, trials[-1].number],
                [*line, line[-1]],
                where="post",
                color=ORANGE,
                linewidth=2,
                label="best so far",
                zorder=2,
            )
        failed = [trial.number for trial in trials if trial.status == "failed"]
        if failed:
            bottom = axes.get_ylim()[0]
            axes.plot(
                failed,
                [bottom] * len(failed),
                "|",
                color=RED,
                markersize=18,
                markeredgewidth=2,
                label=f"{len(failed)} failed",
                clip_on=False,
            )
        axes.set_xlabel("trial")
        axes.set_ylabel(f"{name} of the best epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        told = "none has completed"
        if best is not None:
            loss = f" (val/loss {shown(best.loss)})" if math.isfinite(best.loss) else ""
            told = f"best {name} {shown(best.figure)}{loss}, in trial {best.number}"
        axes.set_title(f"{len([t for t in trials if t.counts])} trials: {told}", loc="left", pad=12)
        handles, names = _handles(axes, seen, best)
        lines, labels = axes.get_legend_handles_labels()
        figure.legend([*lines, *handles], [*labels, *names], loc="outside lower left", ncols=5)


def _values(path: Path, plan: Plan, trials: Sequence[Trial], seen: Sequence[Trial], best: Trial | None) -> None:
    """A small picture a parameter: its value against the figure, on one scale for all."""
    name, mode = plan.primary
    columns = min(len(plan.parameters), 3)
    rows = math.ceil(len(plan.parameters) / columns)
    with picture(path, max(6.0, 4.2 * columns), 3.7 * rows + 0.7) as figure:
        first = None
        for place, one in enumerate(plan.parameters):
            axes = figure.add_subplot(rows, columns, place + 1, sharey=first)
            if first is None:
                done = [_value(trial) for trial in seen if trial.status == "completed"]
                first, inside = axes, _limit(axes, mode, [_value(trial) for trial in seen], done)
            have = [trial for trial in seen if one.name in trial.values]
            at = _on_axis(axes, one, have)
            _points(axes, have, best if best in have else None, at, inside)
            axes.set_xlabel(f"{one.name}{' (log scale)' if one.log else ''}")
            if place % columns == 0:
                axes.set_ylabel(name)
            else:
                axes.tick_params(labelleft=False)
        figure.suptitle(f"What each value came to: {name} of the best epoch, trial by trial", x=0.01, ha="left")
        assert first is not None
        figure.legend(*_handles(first, seen, best), loc="outside lower left", ncols=4)


def _on_axis(axes: Axes, one: Parameter, have: Sequence[Trial]) -> Callable[[Trial], Any]:
    """Sets the axis of a parameter up for all that may be drawn; gives a trial's place on it."""
    if not one.choices:
        if one.log:
            axes.set_xscale("log")
            margin = (one.high / one.low) ** 0.04
            axes.set_xlim(one.low / margin, one.high * margin)
        else:
            margin = (one.high - one.low) * 0.04 or 0.5
            axes.set_xlim(one.low - margin, one.high + margin)
        return lambda trial: trial.values[one.name]
    counts = [sum(trial.values[one.name] == choice for trial in have) for choice in one.choices]
    names = [choice if len(choice) <= _NAME else f"{choice[: _NAME - 3]}..." for choice in one.choices]
    if crowded := sum(len(name) + 2 for name in names) > 44:
        labels = [f"{name} ({count})" for name, count in zip(names, counts, strict=True)]
    else:
        labels = [f"{name}\n{plural(count, 'trial')}" for name, count in zip(names, counts, strict=True)]
    axes.set_xticks(range(len(labels)), labels, rotation=90 if crowded else 0)
    axes.set_xlim(-0.5, len(labels) - 0.5)
    axes.grid(axis="x", visible=False)
    # beside each other, so that equal figures do not hide each other
    return lambda trial: one.choices.index(trial.values[one.name]) + ((trial.number * 0.618) % 1 - 0.5) * 0.6


def _curves(path: Path, plan: Plan, trials: Sequence[Trial], seen: Sequence[Trial], best: Trial | None) -> None:
    """Beside each other all of it, which shows where trials were given up, and what lies near the best."""
    name, mode = plan.primary
    done = ranked(trials, plan)
    with picture(path, 12, 5) as figure:
        whole, near = figure.subplots(1, 2)
        finals = [list(trial.curve.values())[-1] for trial in done if trial.curve]
        _limit(near, mode, [list(trial.curve.values())[-1] for trial in seen if trial.curve], finals)
        for axes in (whole, near):
            for trial in seen:
                if trial.curve and trial != best:
                    _curve(axes, trial, _GIVEN_UP if trial.status == "pruned" else _TRAINED)
                    if trial.status == "pruned":
                        axes.scatter(list(trial.curve)[-1] + 1, list(trial.curve.values())[-1], **_PRUNED)
            if best is not None and best.curve:
                _curve(axes, best, {"color": ORANGE, "linewidth": 2.6, "zorder": 5})
                axes.scatter(list(best.curve)[-1] + 1, list(best.curve.values())[-1], **_BEST)
            axes.set_xlabel("epoch")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        whole.set_ylabel(f"best {name} so far")
        near.set_title("near the best", loc="left", fontsize=11)
        pruned = sum(trial.status == "pruned" for trial in trials)
        whole.set_title(f"{len(done)} trials completed, {pruned} given up on the way", loc="left", fontsize=11)
        whole.legend(*_handles(whole, seen, best), loc="lower right" if mode == "max" else "upper right")


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
        axes.set_title(f"What sets the best quarter of {count} trials apart", loc="left", pad=12)


def _points(
    axes: Axes, seen: Sequence[Trial], best: Trial | None, at: Callable[[Trial], Any], inside: Callable[[float], float]
) -> None:
    """Trials as points; those beyond the picture lie at its edge."""
    for status, look in (("pruned", _PRUNED), ("completed", _COMPLETED)):
        some = [trial for trial in seen if trial.status == status and trial != best]
        within = [trial for trial in some if inside(_value(trial)) == _value(trial)]
        axes.scatter([at(trial) for trial in within], [_value(trial) for trial in within], **look)
        for trial in some:
            if trial not in within:  # a caret at the edge
                edge = inside(_value(trial))
                marker = CARETDOWN if _value(trial) < edge else CARETUP
                axes.scatter(at(trial), edge, **{**look, "marker": marker, "s": 44, "linewidths": 0, "clip_on": False})
    if best is not None:
        axes.scatter(at(best), _value(best), **_BEST)


def _limit(axes: Axes, mode: str, values: Sequence[float], completed: Sequence[float]) -> Callable[[float], float]:
    """Limits the axis to the figures that are worth telling apart; gives what brings the others to its edge."""
    sign = 1 if mode == "max" else -1
    good, every = (sorted(sign * value for value in some) for some in (completed or values, values))
    top = max(good[-1], every[-1])
    reach = 12 * max(top - good[len(good) // 4], 1e-3 * abs(top), 1e-9)  # the bulk of the good ones keeps some room
    span = top - max(every[len(every) // 4], top - reach)
    span = span or top - every[0] or 0.1 * abs(top) or 1.0
    low, high = sorted((sign * (top - 1.06 * span), sign * (top + 0.08 * span)))
    axes.set_ylim(low, high)
    return lambda value: min(max(value, low), high)


def _handles(axes: Axes, seen: Sequence[Trial], best: Trial | None) -> tuple[list[Any], list[str]]:
    handles, names = [], []
    for status, name, look in (("completed", "completed", _COMPLETED), ("pruned", "given up on the way", _PRUNED)):
        if any(trial.status == status for trial in seen):
            handles.append(axes.scatter([], [], **look))
            names.append(name)
    if best is not None:
        handles.append(axes.scatter([], [], **{**_BEST, "s": 120}))
        names.append(f"best (trial {best.number})")
    return handles, names


def _value(trial: Trial) -> float:
    assert trial.figure is not None
    return trial.figure
