"""Assigning the samples of a user's data to parts: at random, as given, or as a checkpoint knows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from lossbook.data.fitted import FittedData, KnownSamples
from lossbook.data.source import PARTS
from lossbook.data.split import FRACTIONS, SplitPlan, stratified_split
from lossbook.errors import refuse

UNIQUE = 0.5  # if at least this share of samples is unique, equal inputs are taken to be the same sample
SAME = 0.9  # if at least this share of samples is found again, the data is the checkpoint's, changed
_OTHERS = "none of the samples are the checkpoint's: split anew, scaled by the checkpoint's statistics"
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
    plan: SplitPlan = SplitPlan(),  # noqa: B008  (it is frozen)
) -> Assignment:
    """Assign samples to parts, as the user gave them, as a checkpoint knows them, or at random.

    Args:
        parts: the user's, part -> positions; empty where none are given.
        strata: of all samples, (N,); random splits are stratified by them.
        seed: of random splits and orders.
        known: the data that the checkpoint was trained on; None without a checkpoint.
        digests: of the inputs, in the order of the data; needed with a checkpoint.
        evaluating: whether the checkpoint is only tested.
        plan: of random splits.
    """
    if known is None:
        return given_parts(parts, strata, seed) if parts else random_parts(strata, seed)
    assert digests is not None
    if parts and evaluating:
        return parts_to_test(parts, known.known, digests)
    if parts:
        return _with_seen(given_parts(parts, strata, seed), known.known, digests)
    samples = known.known or KnownSamples(digests[:0], {name: np.arange(0) for name in PARTS})
    return parts_to_evaluate(samples, digests) if evaluating else parts_to_resume(samples, digests, strata, seed)


def random_parts(strata: np.ndarray, seed: int) -> Assignment:
    """Split at random, 70 / 15 / 15, stratified."""
    return Assignment(dict(zip(PARTS, stratified_split(strata, seed), strict=True)))


def given_parts(parts: Mapping[str, np.ndarray], strata: np.ndarray, seed: int) -> Assignment:
    """Shuffle each of the user's parts; without ``val``, 15 % of ``train`` become the validation part.

    Args:
        parts: part -> positions in the data.
        strata: of all samples.
        seed: of the orders and the split.
    """
    rows = {name: places[_generator(seed).permutation(len(places))] for name, places in parts.items()}
    if "val" in rows or "train" not in rows:
        return Assignment(rows)
    train, val = stratified_split(strata[rows["train"]], seed, (1 - FRACTIONS[1], FRACTIONS[1]))
    return Assignment({**rows, "train": rows["train"][train], "val": rows["train"][val]})


def parts_to_resume(known: KnownSamples, digests: np.ndarray, strata: np.ndarray, seed: int) -> Assignment:
    """Keep each sample that the checkpoint knows in its part, and split new ones 70 / 15 / 15.

    Args:
        known: samples that the checkpoint knows.
        digests: of the inputs, (N,), in the order of the data.
        strata: of all samples.
        seed: of the split of new samples.

    Raises:
        UserError: a part would be empty.
    """
    rows, new = _recognised(known, digests)
    again = np.isin(digests[new], known.earlier)
    if not any(map(len, rows.values())) and not again.any():
        return Assignment(random_parts(strata, seed).rows, (_OTHERS,))
    notes = []
    if gone := len(known.digests) - sum(map(len, rows.values())):
        notes.append(
            f"{gone:,} of the checkpoint's {len(known.digests):,} samples are missing; the others keep their parts"
        )
    if again.any():  # a network must not be tested on what it was once trained on
        rows["train"], new = np.concatenate([rows["train"], new[again]]), new[~again]
        notes.append(f"{again.sum():,} samples that the checkpoint was trained on earlier are in train")
    if len(new):
        shared = random_parts(strata[new], seed).rows if len(new) >= 2 * len(PARTS) else {"train": np.arange(len(new))}
        rows |= {name: np.concatenate([rows[name], new[chosen]]) for name, chosen in shared.items()}
        counts = " + ".join(f"{len(shared.get(name, ())):,}" for name in PARTS)
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


def parts_to_evaluate(known: KnownSamples, digests: np.ndarray) -> Assignment:
    """Return what a checkpoint may be tested on: samples of its test part, and samples that it has never seen.

    Args:
        known: samples that the checkpoint knows.
        digests: of the inputs, (N,), in the order of the data.

    Raises:
        UserError: the checkpoint was trained or validated on every sample.
    """
    every = np.arange(len(digests))
    rows, new = _recognised(known, digests)
    if len(new) < len(every) or _mostly_unique(known.digests):  # nor may it be tested on copies of training samples
        new = new[~np.isin(digests[new], known.trained_on())]
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
    rest = f"; {left_out:,} that it was trained or validated on are left out" if left_out else ""
    return Assignment(rows, (f"samples evaluated: {' and '.join(scored)}{rest}",))


def _recognised(known: KnownSamples, digests: np.ndarray) -> tuple[Rows, np.ndarray]:
    """Return the positions of known samples by part, in the checkpoint's order, and those of new ones.

    Among equal samples, the first is matched with the checkpoint's first, and so on. If most samples have duplicates
    (a table of a few categories), matches mean little: the data is then either the checkpoint's, if nearly all of its
    samples and few others are there, or entirely new.
    """
    old, new = _with_occurrence(known.digests), _with_occurrence(digests)
    place = {key: position for position, key in enumerate(zip(*new, strict=True))}
    found = np.array([place.get(key, -1) for key in zip(*old, strict=True)], dtype=np.int64)
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


def _with_occurrence(digests: np.ndarray) -> tuple[list[int], list[int]]:
    """Return each digest, and how many equal ones come before it."""
    order = np.argsort(digests, kind="stable")
    _, starts, counts = np.unique(digests[order], return_index=True, return_counts=True)
    earlier = np.empty(len(digests), np.int64)
    earlier[order] = np.arange(len(digests)) - np.repeat(starts, counts)
    return digests.tolist(), earlier.tolist()


def _generator(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))
