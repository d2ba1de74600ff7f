"""Assigning the samples of a user's data to parts: at random, as given, or as a checkpoint knows them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from lossbook.data.fitted import FittedData, KnownSamples
from lossbook.data.new_samples import beyond_fold, parts_of_new
from lossbook.data.planned_parts import planned_parts, split_validation
from lossbook.data.source import PARTS
from lossbook.data.split import SplitPlan
from lossbook.errors import refuse

UNIQUE = 0.5  # if at least this share of samples is unique, equal inputs are taken to be the same sample
SAME = 0.9  # if at least this share of samples is found again, the data is the checkpoint's, changed
_OTHERS = "none of the samples are the checkpoint's: split anew, scaled by the checkpoint's statistics"
_PLAN = SplitPlan()
_OF_TRAIN = (0.85, 0.15, 0.0)  # train and val, where the user gives train and test alone
_SHOWN = 20
Rows = dict[str, np.ndarray]  # part -> positions of its samples in the data's own order


@dataclass(frozen=True)
class Assignment:
    """The parts of a user's own data.

    Args:
        rows: part -> positions of its samples in the data, in random order.
        notes: for the user, one line each.
    """

    rows: Rows
    notes: tuple[str, ...] = ()


def assign_parts(
    parts: Mapping[str, np.ndarray],
    strata: np.ndarray,
    seed: int,
    known: FittedData | None = None,
    digests: np.ndarray | None = None,
    evaluating: bool = False,
    plan: SplitPlan = _PLAN,
) -> Assignment:
    """Assign samples to parts, as the user gave them, as a checkpoint knows them, or at random.

    Args:
        parts: the user's, part -> positions; empty where none are given.
        strata: of all samples, (N,); random splits are stratified by them.
        seed: of random splits and orders.
        known: the data that the checkpoint was trained on; None without a checkpoint.
        digests: of the inputs, in the order of the data; needed with a checkpoint.
        evaluating: whether the checkpoint is only tested.
        plan: how samples without a part are split; groups and times of given parts are checked.

    Raises:
        UserError: a part would be empty.
    """
    if known is None:
        return given_parts(parts, strata, seed, plan) if parts else Assignment(planned_parts(plan, strata, seed))
    assert digests is not None
    if parts and evaluating:
        return parts_to_test(parts, known.known, digests)
    if parts:
        return _with_seen(given_parts(parts, strata, seed, plan), known.known, digests)
    samples = known.known or KnownSamples(digests[:0], {name: np.arange(0) for name in PARTS})
    if evaluating:
        return parts_to_evaluate(samples, digests, plan)
    return parts_to_resume(samples, digests, strata, seed, plan)


def given_parts(parts: Mapping[str, np.ndarray], strata: np.ndarray, seed: int, plan: SplitPlan = _PLAN) -> Assignment:
    """Shuffle each of the user's parts; without ``val``, 15 % of ``train`` become the validation part.

    Args:
        parts: part -> positions in the data.
        strata: of all samples.
        seed: of the orders and the split.
        plan: its groups and times; a group in two parts, and training samples after test samples, are noted.
    """
    rows = {name: places[_generator(seed).permutation(len(places))] for name, places in parts.items()}
    notes = tuple(_contradictions(rows, plan))
    if "val" not in rows and "train" in rows:
        train, val = split_validation(replace(plan, fractions=_OF_TRAIN), rows["train"], strata, seed)
        rows |= {"train": train, "val": val}
    return Assignment(rows, notes)


def _contradictions(rows: Rows, plan: SplitPlan) -> Iterator[str]:
    """Yield notes on given parts that are not what groups and times ask for."""
    if plan.groups is not None:
        held = {name: np.unique(plan.groups[places]) for name, places in rows.items()}
        groups, first, counts = np.unique(np.concatenate(list(held.values())), return_index=True, return_counts=True)
        shared = groups[counts > 1][np.argsort(first[counts > 1])]
        if len(shared):
            names = [", ".join(name for name, own in held.items() if group in own) for group in shared[:_SHOWN]]
            said = ", ".join(f"{group} ({parts})" for group, parts in zip(shared.tolist(), names, strict=False))
            more = f" and {len(shared) - _SHOWN:,} more" if len(shared) > _SHOWN else ""
            yield f"groups in more than one of the given parts: {said}{more}"
    if plan.times is not None:
        for name, later in (("train", "val"), ("train", "test"), ("val", "test")):
            before, after = (plan.times[rows.get(part, np.arange(0))] for part in (name, later))
            if len(before) and len(after) and (late := int((before > after.min()).sum())):
                yield f"{late:,} samples of the given part {name} are later than the first of {later}"


def parts_to_resume(
    known: KnownSamples, digests: np.ndarray, strata: np.ndarray, seed: int, plan: SplitPlan = _PLAN
) -> Assignment:
    """Keep each sample that the checkpoint knows in its part, and split new ones as planned.

    New samples of a group, or of a time, that the checkpoint knows go where it has them.

    Args:
        known: samples that the checkpoint knows.
        digests: of the inputs, (N,), in the order of the data.
        strata: of all samples.
        seed: of the split of new samples.
        plan: of the split of new samples.

    Raises:
        UserError: a part would be empty.
    """
    rows, new = _recognised(known, digests)
    again = np.isin(digests[new], known.earlier)
    if not any(map(len, rows.values())) and not again.any():
        return Assignment(planned_parts(plan, strata, seed), (_OTHERS,))
    notes = []
    if gone := len(known.digests) - sum(map(len, rows.values())):
        notes.append(
            f"{gone:,} of the checkpoint's {len(known.digests):,} samples are missing; the others keep their parts"
        )
    if again.any():  # a network must not be tested on what it was once trained on
        rows["train"], new = np.concatenate([rows["train"], new[again]]), new[~again]
        notes.append(f"{again.sum():,} samples that the checkpoint was trained on earlier are in train")
    new = new[~beyond_fold(plan, rows, new)]
    if len(new):
        added = parts_of_new(plan, rows, new, strata, seed)
        rows = {name: np.concatenate([rows[name], added[name]]) for name in PARTS}
        counts = " + ".join(f"{len(added[name]):,}" for name in PARTS)
        notes.append(f"{len(new):,} samples are new to the checkpoint: {counts} of them go to train, val and test")
    if empty := [name for name in PARTS if not len(rows[name])]:
        raise refuse(
            f"The data has no sample for {' and '.join(empty)}.",
            "Every sample stays in the checkpoint's part; all samples of these parts are missing.",
            "add samples, or give the parts yourself: data.split=FILE",
        )
    return Assignment(rows, tuple(notes))


def parts_to_test(parts: Mapping[str, np.ndarray], known: KnownSamples | None, digests: np.ndarray) -> Assignment:
    """Return the user's parts, of which the test part is evaluated."""
    if "test" not in parts:
        raise refuse(
            f"The data has only the parts {', '.join(parts)}.",
            "If data has parts, a checkpoint is evaluated on the test part.",
            "add a test part, or data.root=PATH of data without parts, which is evaluated as a whole",
        )
    return _with_seen(Assignment(dict(parts)), known, digests)


def _with_seen(assignment: Assignment, known: KnownSamples | None, digests: np.ndarray) -> Assignment:
    """Add a note on test samples that the checkpoint was trained on."""
    test = assignment.rows.get("test", np.arange(0))
    seen = 0 if known is None else int(np.isin(digests[test], known.trained_on()).sum())
    if not seen:
        return assignment
    note = f"the checkpoint was trained or validated on {seen:,} of these {len(test):,} test samples"
    return Assignment(assignment.rows, (*assignment.notes, note))


def parts_to_evaluate(known: KnownSamples, digests: np.ndarray, plan: SplitPlan = _PLAN) -> Assignment:
    """Return what a checkpoint may be tested on: samples of its test part, and samples that it has never seen.

    Args:
        known: samples that the checkpoint knows.
        digests: of the inputs, (N,), in the order of the data.
        plan: of the split; a new sample of a group that it was trained on is left out, as is one after a fold in time.

    Raises:
        UserError: the checkpoint was trained or validated on every sample.
    """
    every = np.arange(len(digests))
    rows, new = _recognised(known, digests)
    if len(new) < len(every) or _mostly_unique(known.digests):  # nor may it be tested on copies of training samples
        new = new[~np.isin(digests[new], known.trained_on())]
    new = new[~beyond_fold(plan, rows, new)]
    if plan.groups is not None:
        new = new[~np.isin(plan.groups[new], plan.groups[np.concatenate([rows["train"], rows["val"]])])]
    tested = len(rows["test"])
    left_out = len(every) - tested - len(new)
    if not tested + len(new):
        raise refuse(
            f"All {len(every):,} samples belong to the checkpoint's training or validation part.",
            "A test on them would say nothing about new data.",
            "data.root=PATH of data that the checkpoint has not seen",
        )
    rows["test"] = np.concatenate([rows["test"], new])
    if len(new) == len(every):
        return Assignment(rows, (f"all {len(new):,} samples are new to the checkpoint and evaluated",))
    scored = [f"{tested:,} of the checkpoint's test part"] if tested else []
    scored += [f"{len(new):,} that are new to it"] if len(new) else []
    what = "that it was trained or validated on"
    if plan.groups is not None or (plan.folds is not None and plan.times is not None):
        what = "that it was trained or validated on, or that belong to these or to later folds,"
    rest = f"; {left_out:,} {what} are left out" if left_out else ""
    return Assignment(rows, (f"samples evaluated: {' and '.join(scored)}{rest}",))


def _recognised(known: KnownSamples, digests: np.ndarray) -> tuple[Rows, np.ndarray]:
    """Return the positions of known samples by part, in the checkpoint's order, and those of new ones.

    Among equal samples, the first is matched with the checkpoint's first, and so on. If most samples have duplicates
    (a table of a few categories), matches mean little: the data is then either the checkpoint's, if nearly all of its
    samples and few others are there, or entirely new.
    """
    found = _found(known.digests, digests)
    there = found >= 0
    if not _mostly_unique(known.digests):
        others = len(digests) - there.sum()
        if there.sum() < SAME * len(found) or others > (1 - SAME) * len(found):
            there[:] = False
    rows = {name: found[members][there[members]] for name, members in known.parts.items()}
    taken = np.zeros(len(digests), dtype=bool)
    taken[found[there]] = True
    return rows, np.flatnonzero(~taken)


def _mostly_unique(digests: np.ndarray) -> bool:
    """Return whether most samples are unique, so that equal inputs mean the same sample."""
    _, counts = np.unique(digests, return_counts=True)
    return bool((counts == 1).sum() >= UNIQUE * len(digests))


def _found(old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Return the position of each old digest among the new ones, -1 for none; equal ones in turn."""
    by_old, by_new = np.argsort(old, kind="stable"), np.argsort(new, kind="stable")
    old, new = old[by_old], new[by_new]
    earlier = np.arange(len(old)) - np.searchsorted(old, old)  # equal ones that come before
    place = np.searchsorted(new, old) + earlier
    there = place < np.searchsorted(new, old, side="right")
    found = np.full(len(old), -1)
    found[by_old[there]] = by_new[place[there]]
    return found


def _generator(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))
