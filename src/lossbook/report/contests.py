"""Contests: runs can be ranked against each other if they watched the same metric on the same data."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lossbook.losses.rules import look_up
from lossbook.report.runs import Run
from lossbook.report.settings import Configured, leaves, value_of

# keys of the data that only affect training: validation samples do not depend on them
OF_TRAINING = frozenset(
    {"batch_size", "epochs", "augment", "mixup", "cutmix", "sampling", "num_workers", "download", "cache", "cache_dir"}
)
# keys of the trainer that leave validation samples out
OF_VALIDATION = ("trainer.limit_val_batches", "trainer.overfit_batches", "trainer.fast_dev_run")
WITHIN_A_BATCH = ("val/loss", "val/top1")  # metrics that compare samples with the others of their batch
CONTENT = "data.fingerprint"


@dataclass(frozen=True)
class Contest:
    """What runs have in common that can be ranked against each other.

    Args:
        primary: tag of the metric, on validation.
        mode: ``max`` or ``min``.
        data: name of the data option.
        details: (key, value) of all else that determines the samples, and the criterion if the metric is the loss.
    """

    primary: str
    mode: str
    data: str
    details: tuple[tuple[str, str], ...] = ()

    @property
    def metric(self) -> str:
        return self.primary.rpartition("/")[2]

    def better(self, value: float) -> float:
        """Return a number that is lower, the better the value is."""
        return -value if self.mode == "max" else value


def contests(runs: Sequence[Run]) -> tuple[dict[Contest, list[Run]], list[Run]]:
    """Group the runs by contest, and return those whose contest is unknown.

    A run that died before it recorded its metric joins the contest of the runs with its loss and data, if there is
    exactly one.
    """
    modes = {run.primary: run.mode for run in runs if run.primary and run.mode}
    found: dict[Contest, list[Run]] = defaultdict(list)
    others = []
    for run in runs:
        mode = run.mode or modes.get(run.primary or "")
        data = value_of(run, "data")
        if run.primary and mode in ("max", "min") and data:
            found[Contest(run.primary, mode, data, _details(run.config, run.primary))].append(run)
        else:
            others.append(run)
    found = _by_content(found)
    known = {contest: list(members) for contest, members in found.items()}
    unplaced = []
    for run in others:
        where = place_of(run, known)
        if where is None:
            unplaced.append(run)
        else:
            found[where].append(run)
    order = {id(run): place for place, run in enumerate(runs)}
    return {contest: sorted(members, key=lambda run: order[id(run)]) for contest, members in found.items()}, unplaced


def _by_content(found: Mapping[Contest, Sequence[Run]]) -> dict[Contest, list[Run]]:
    """Split the contests whose runs have different data fingerprints.

    A run without a fingerprint (of an earlier version, or of data without one) stays with the others if they have one
    fingerprint; if they have several, such runs form a contest of their own.
    """
    told: dict[Contest, list[Run]] = defaultdict(list)
    for contest, members in found.items():
        contents = {run.fingerprint for run in members} - {None}
        for run in members:
            own = ((CONTENT, (run.fingerprint or "unknown")[:8]),) if len(contents) > 1 else ()
            told[replace(contest, details=(*contest.details, *own))].append(run)
    return told


def place_of(run: Configured, known: Mapping[Contest, Sequence[Configured]]) -> Contest | None:
    """Return the contest that has runs with the same loss and data; None unless there is exactly one."""
    if not run.config and not run.overrides:
        return None
    where = {contest for contest, members in known.items() for other in members if _akin(run, other, contest)}
    return next(iter(where)) if len(where) == 1 else None


def _akin(run: Configured, other: Configured, contest: Contest) -> bool:
    """Return whether nothing known of a run's loss and data contradicts another run, which is in the contest."""
    stated = tuple(one for one in contest.details if one[0] != CONTENT)
    if run.config.get("data") and _details(run.config, contest.primary) != stated:
        return False
    typed = [key for key in _dotted(run.overrides) if key.startswith("data.")]
    keys = [key for key in typed if key.rpartition(".")[2] not in OF_TRAINING or key in dict(contest.details)]
    return all(value_of(run, key) in ("", value_of(other, key)) for key in ("loss", "data", *keys))


def _dotted(overrides: Sequence[str]) -> list[str]:
    return [one.lstrip("+").partition("=")[0] for one in overrides]


def samples(config: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return all values of a config that determine its validation samples, sorted by key."""
    node = config.get("trainer")
    limits = node if isinstance(node, Mapping) else {}
    # a limit of 1.0 means all, 1 means one batch; 0 turns the others off
    values = [(key, limits.get(key.partition(".")[2])) for key in OF_VALIDATION]
    trainer = [(key, str(value)) for key, value in values if value and not (isinstance(value, float) and value == 1.0)]
    training = OF_TRAINING - {"batch_size"} if trainer else OF_TRAINING  # limits count batches
    data = [(key, value) for key, value in _set(config, "data") if not training.intersection(key.split("."))]
    return tuple(sorted((*data, *trainer)))


def batch(config: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the batch size if a sample's loss depends on the others in its batch."""
    (_, inputs), (_, kind) = look_up(config, "loss.inputs"), look_up(config, "data.target")
    among = inputs == "views" or (inputs in ("pairs", "triplets") and kind not in ("pair", "triplet"))
    return [(key, value) for key, value in _set(config, "data") if key == "data.batch_size"] if among else []


def _details(config: Mapping[str, Any], primary: str) -> tuple[tuple[str, str], ...]:
    """Return all values of a config that determine what this metric measures."""
    found = dict(samples(config))
    if primary in WITHIN_A_BATCH:
        found.update(batch(config))
    return (*sorted(found.items()), *(_criterion(config) if primary == "val/loss" else ()))


def _criterion(config: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the values that determine what the loss measures."""
    ours = ("loss.criterion.", "loss.activation")
    return [(key, value) for key, value in _set(config, "loss") if key.startswith(ours)]


def _set(config: Mapping[str, Any], key: str) -> Iterator[tuple[str, str]]:
    """Yield the values below a key that are not null."""
    return ((leaf, value) for leaf, value in leaves(config.get(key), key) if value != "null")


def titles(every: Sequence[Contest]) -> list[str]:
    """Return titles such as ``val/acc on digits``, with what distinguishes equal ones in brackets."""
    found = []
    for contest in every:
        alike = [one for one in every if (one.primary, one.data) == (contest.primary, contest.data)]
        common = set(contest.details).intersection(*(one.details for one in alike))
        own = [f"{key}={value}" for key, value in contest.details if (key, value) not in common]
        own = [one for one in own if not one.startswith("data.source.")] or own  # it repeats another key
        different_mode = len({one.mode for one in alike}) > 1
        brackets = ", ".join([*own, *([contest.mode] if different_mode else [])])
        found.append(f"{contest.primary} on {contest.data}" + (f" ({brackets})" if brackets else ""))
    for place, title in enumerate(found):
        if title in found[:place]:
            found[place] = f"{title} #{found[:place].count(title) + 1}"
    return found
