"""What a user says about the split of their own data, checked: the same options for tables, images and masks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lossbook.data.split import FRACTIONS, SplitPlan
from lossbook.errors import Problem, UserError, typed

_ROUNDING = 1e-6
_SHOWN = 20


def split_plan(
    given: bool,
    fractions: Sequence[float] | None = None,
    folds: int | None = None,
    fold: int = 0,
    groups: np.ndarray | None = None,
    times: np.ndarray | None = None,
    group_key: str = "data.group_column",
    time_key: str = "data.time_column",
) -> SplitPlan:
    """Return the plan that the options of a source ask for.

    Args:
        given: whether folders, files or ``data.split`` already say the parts; groups and times then decide only on a
            ``val`` that is missing, and are checked against the parts.
        fractions: ``data.fractions``, of train, val and test; with folds those of train and val in the rest, and 0.
        folds, fold: ``data.folds`` and ``data.fold``.
        groups, times: (N,) of each sample; None where the user named no column.
        group_key, time_key: the options that named them.

    Raises:
        UserError: an option is out of range or has no effect; two contradict each other; a sample lacks a group or
            a time.
    """
    problems: list[Problem] = []
    if given:
        chosen = {"fractions": fractions, "folds": folds}
        for key, value in chosen.items():
            if value is not None:
                rule = "The parts are given by folders, files or data.split, and nothing is left to divide."
                problems.append(Problem(f"data.{key}={typed(value)}", rule, f"data.{key}=null"))
    elif fractions is not None:
        problems += _fraction_problems(fractions, folds)
    if folds is None and fold != 0:
        rule = "It says which of data.folds is the test part, and there are no folds."
        problems.append(Problem(f"data.fold={fold}", rule, f"data.folds={max(5, fold + 1)} data.fold={fold}"))
    if folds is not None and not 0 <= fold < folds:
        rule = f"Folds are numbered from 0 to {folds - 1}."
        problems.append(Problem(f"data.fold={fold} data.folds={folds}", rule, f"data.fold={folds - 1}"))
    if groups is not None and times is not None:
        rule = "A group may spread over all times: it cannot stay in one part while parts follow each other in time."
        problems.append(Problem(f"{group_key} and {time_key}", rule, f"{time_key}=null, or {group_key}=null"))
    for key, values in ((group_key, groups), (time_key, times)):
        if values is not None and len(missing := _missing(values)):
            more = f" and {len(missing) - _SHOWN:,} more" if len(missing) > _SHOWN else ""
            rows = ", ".join(map(str, missing[:_SHOWN]))
            rule = f"Every sample needs a value; rows {rows}{more} (from 0) have none."
            problems.append(Problem(f"{key} lacks values", rule, "fill them in, or remove these rows"))
    if problems:
        raise UserError(*problems)
    parts = FRACTIONS if fractions is None else tuple(float(fraction) / sum(fractions) for fraction in fractions)
    return SplitPlan(parts, groups, times, folds, fold)  # type: ignore[arg-type]


def _fraction_problems(fractions: Sequence[float], folds: int | None) -> list[Problem]:
    said = f"data.fractions={typed(list(fractions))}"
    if len(fractions) != 3 or not all(np.isfinite(fractions)) or min(fractions) < 0:
        rule = "It must be three numbers from 0 to 1: the shares of train, val and test."
        return [Problem(said, rule, "data.fractions=[0.7,0.15,0.15]")]
    if abs(sum(fractions) - 1) > _ROUNDING:
        rule = f"The shares of train, val and test must sum to 1; these sum to {sum(fractions):g}."
        return [Problem(said, rule, "data.fractions=[0.7,0.15,0.15]")]
    if folds is not None and fractions[2]:
        rule = f"With data.folds={folds} the test part is a fold: fractions divide the rest into train and val alone."
        return [Problem(said, rule, "data.fractions=[0.85,0.15,0]")]
    if not min(fractions[: 2 if folds else 3]):
        rule = "Training needs all three parts: val chooses the best checkpoint, test measures it."
        if folds is not None:
            rule = "Training needs samples in train and val."
        return [Problem(said, rule, f"data.fractions={'[0.85,0.15,0]' if folds else '[0.8,0.1,0.1]'}")]
    return []


def _missing(values: np.ndarray) -> np.ndarray:
    """Return the rows without a value: None, NaN or NaT."""
    if values.dtype == object:
        return np.flatnonzero([value is None or value != value for value in values])
    return np.flatnonzero(values != values)
