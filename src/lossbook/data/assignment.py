"""Which sample of a user's own data is in which part: shared out anew, given, or as a checkpoint knows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from lossbook.data.fitted import FittedData, KnownSamples
from lossbook.data.source import PARTS
from lossbook.data.split import FRACTIONS, stratified_split
from lossbook.errors import refuse

UNIQUE = 0.5  # share of samples that no other one equals, from which on equal inputs mean the same sample
_OTHERS = "other samples than the checkpoint's, split anew; they are scaled as the checkpoint's were"
SAME = 0.9  # share of the samples that makes other data the same, changed
Rows = dict[str, np.ndarray]  # part -> places of its samples in the data's own order


@dataclass(frozen=True)
class Assignment:
    """The parts of a user's own data.

    Args:
        rows: part -> places of its samples in the data, in random order.
        notes: what a user should know of it, a line each.
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
) -> Assignment:
    """The parts of a user's own data, whatever says which they are.

    Args:
        parts: that the user gives, part -> places; empty where none are given.
        strata: of all samples, to be shared out alike.
        seed: of draws and orders.
        known: what the checkpoint knows of its data; None where there is no checkpoint.
        digests: of the inputs, in the order of the data; needed where there is one.
        evaluating: the checkpoint is only tested.
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
    """Share out 70 / 15 / 15, every stratum alike."""
    return Assignment(dict(zip(PARTS, stratified_split(strata, seed), strict=True)))


def given_parts(parts: Mapping[str, np.ndarray], strata: np.ndarray, seed: int) -> Assignment:
    """Parts that the user gives, each in random order; without ``val`` 15 % of ``train`` become that.

    Args:
        parts: part -> places in the data.
        strata: of all of the data.
        seed: of the order, and of the draw.
    """
    rows = {name: places[_generator(seed).permutation(len(places))] for name, places in parts.items()}
    if "val" in rows or "train" not in rows:
        return Assignment(rows)
    train, val = stratified_split(strata[rows["train"]], seed, (1 - FRACTIONS[1], FRACTIONS[1]))
    return Assignment({**rows, "train": rows["train"][train], "val": rows["train"][val]})


def parts_to_resume(known: KnownSamples, digests: np.ndarray, strata: np.ndarray, seed: int) -> Assignment:
    """Every sample that the checkpoint knows in its part, new ones shared out 70 / 15 / 15.

    Args:
        known: to the checkpoint.
        digests: of the inputs, (N,), in the order of the data.
        strata: of the data.
        seed: of the draw among new samples.
    """
    rows, new = _recognised(known, digests)
    again = np.isin(digests[new], known.earlier)
    if not any(map(len, rows.values())) and not again.any():
        return Assignment(random_parts(strata, seed).rows, (_OTHERS,))
    notes = []
    if gone := len(known.digests) - sum(map(len, rows.values())):
        notes.append(
            f"{gone:,} of the checkpoint's {len(known.digests):,} samples are gone; the others keep their parts"
        )
    if again.any():  # what a network was trained on once is no test of it
        rows["train"], new = np.concatenate([rows["train"], new[again]]), new[~again]
        notes.append(f"{again.sum():,} samples that the checkpoint was trained on earlier are in train")
    if len(new):
        shared = random_parts(strata[new], seed).rows if len(new) >= 2 * len(PARTS) else {"train": np.arange(len(new))}
        rows |= {name: np.concatenate([rows[name], new[chosen]]) for name, chosen in shared.items()}
        counts = " + ".join(f"{len(shared.get(name, ())):,}" for name in PARTS)
        notes.append(f"{len(new):,} samples are new to the checkpoint: {counts} of them are train, val and test")
    if empty := [name for name in PARTS if not len(rows[name])]:
        raise refuse(
            f"Data with no sample for {' and '.join(empty)}.",
            "Every sample stays in the part that the checkpoint knows it in; those of these parts are gone.",
            "add samples, or give the parts yourself: data.split=FILE",
        )
    return Assignment(rows, tuple(notes))


def parts_to_test(parts: Mapping[str, np.ndarray], known: KnownSamples | None, digests: np.ndarray) -> Assignment:
    """The parts that the user gives, of which the test part is scored."""
    if "test" not in parts:
        raise refuse(
            f"Data of the parts {', '.join(parts)} alone.",
            "A checkpoint is scored on the test part where there are parts.",
            "add a test part, or data.root=PATH of data without parts, which is scored whole",
        )
    return _with_seen(Assignment(dict(parts)), known, digests)


def _with_seen(assignment: Assignment, known: KnownSamples | None, digests: np.ndarray) -> Assignment:
    """With a note on test samples that the checkpoint was trained on."""
    test = assignment.rows.get("test", np.arange(0))
    seen = 0 if known is None else int(np.isin(digests[test], known.trained_on()).sum())
    if not seen:
        return assignment
    note = f"the checkpoint was trained or validated on {seen:,} of these {len(test):,} test samples"
    return Assignment(assignment.rows, (*assignment.notes, note))


def parts_to_evaluate(known: KnownSamples, digests: np.ndarray) -> Assignment:
    """What a checkpoint may be tested on: the samples of its test part, and all that it has never seen.

    Args:
        known: to the checkpoint.
        digests: of the inputs, (N,), in the order of the data.

    Raises:
        UserError: the checkpoint was trained or validated on every sample.
    """
    every = np.arange(len(digests))
    rows, new = _recognised(known, digests)
    if len(new) < len(every) or _mostly_unique(known.digests):  # copies of what it was trained on are no test either
        new = new[~np.isin(digests[new], known.trained_on())]
    tested = len(rows["test"])
    left_out = len(every) - tested - len(new)
    if not tested + len(new):
        raise refuse(
            f"{len(every):,} of {len(every):,} samples belong to the checkpoint's training or validation part.",
            "A test on them would say nothing about new data.",
            "data.root=PATH of data that the checkpoint has not seen",
        )
    rows["test"] = np.concatenate([rows["test"], new])
    if len(new) == len(every):
        return Assignment(rows, (f"all {len(new):,} samples are new to the checkpoint, and scored",))
    scored = [f"{tested:,} of the checkpoint's test part"] if tested else []
    scored += [f"{len(new):,} that are new to it"] if len(new) else []
    rest = f"; {left_out:,} that it was trained or validated on are left out" if left_out else ""
    return Assignment(rows, (f"scored are {' and '.join(scored)}{rest}",))


def _recognised(known: KnownSamples, digests: np.ndarray) -> tuple[Rows, np.ndarray]:
    """The places of known samples by part, in the checkpoint's order, and those of new ones.

    Of several samples that hold the same, the first is taken for the checkpoint's first, and so on. Where most samples
    hold what others hold, too (a table of a few categories), that says little: there the data is the checkpoint's if
    nearly all of it is there and little else, and new otherwise.
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
    """Whether most samples hold what no other one does, so that equal inputs mean the same sample."""
    _, counts = np.unique(digests, return_counts=True)
    return bool((counts == 1).sum() >= UNIQUE * len(digests))


def _with_occurrence(digests: np.ndarray) -> tuple[list[int], list[int]]:
    """Each digest, and how many equal ones stand before it."""
    order = np.argsort(digests, kind="stable")
    _, starts, counts = np.unique(digests[order], return_index=True, return_counts=True)
    earlier = np.empty(len(digests), np.int64)
    earlier[order] = np.arange(len(digests)) - np.repeat(starts, counts)
    return digests.tolist(), earlier.tolist()


def _generator(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))
