"""Which runs may be ranked against each other: those that watched the same metric on the same data."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lossbook.losses.rules import look_up
from lossbook.report.runs import Run
from lossbook.report.settings import Configured, leaves, value_of

# of the data, what belongs to training alone: the validation figures are of the same samples whatever it is
OF_TRAINING = frozenset({"batch_size", "epochs", "augment", "num_workers", "download"})
# of the trainer, what leaves samples out
OF_VALIDATION = ("trainer.limit_val_batches", "trainer.overfit_batches", "trainer.fast_dev_run")
WITHIN_A_BATCH = ("val/loss", "val/top1")  # where samples are compared with those of their batch
CONTENT = "data.fingerprint"


@dataclass(frozen=True)
class Contest:
    """What runs share that may be ranked.

    Args:
        primary: tag of the metric, on validation.
        mode: ``max`` or ``min``.
        data: the option's name.
        details: (key, value) of all else that says which samples there are, and where the metric is the loss, of what.
    """

    primary: str
    mode: str
    data: str
    details: tuple[tuple[str, str], ...] = ()

    @property
    def metric(self) -> str:
        return self.primary.rpartition("/")[2]

    def better(self, value: float) -> float:
        """A number that is lower the better the value is."""
        return -value if self.mode == "max" else value


def contests(runs: Sequence[Run]) -> tuple[dict[Contest, list[Run]], list[Run]]:
    """The runs by what they can be ranked in, and those for which that is not known.

    A run that died before it could say what it watches belongs to where its loss and its data are, if that is one
    place.
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
    """The contests told apart by what their data held, where it was not the same in all.

    A run that does not say (an earlier version's, or of data that is not known by content) stays with the others where
    there is one such content, and by itself where there are several.
    """
    told: dict[Contest, list[Run]] = defaultdict(list)
    for contest, members in found.items():
        contents = {run.fingerprint for run in members} - {None}
        for run in members:
            own = ((CONTENT, (run.fingerprint or "unknown")[:8]),) if len(contents) > 1 else ()
            told[replace(contest, details=(*contest.details, *own))].append(run)
    return told


def place_of(run: Configured, known: Mapping[Contest, Sequence[Configured]]) -> Contest | None:
    """The one contest in which there are runs of the same loss on the same data; None where that is not one."""
    if not run.config and not run.overrides:
        return None
    where = {contest for contest, members in known.items() for other in members if _akin(run, other, contest)}
    return next(iter(where)) if len(where) == 1 else None


def _akin(run: Configured, other: Configured, contest: Contest) -> bool:
    """Whether nothing that is known of the one run's loss and data contradicts the other's, which is in the contest."""
    stated = tuple(one for one in contest.details if one[0] != CONTENT)
    if run.config.get("data") and _details(run.config, contest.primary) != stated:
        return False
    typed = [key for key in _dotted(run.overrides) if key.startswith("data.")]
    keys = [key for key in typed if key.rpartition(".")[2] not in OF_TRAINING or key in dict(contest.details)]
    return all(value_of(run, key) in ("", value_of(other, key)) for key in ("loss", "data", *keys))


def _dotted(overrides: Sequence[str]) -> list[str]:
    return [one.lstrip("+").partition("=")[0] for one in overrides]


def samples(config: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """All values of a config that say which samples its validation figures are of, in the order of their keys."""
    node = config.get("trainer")
    limits = node if isinstance(node, Mapping) else {}
    # of a limit 1.0 is all, and 1 a batch; 0 of the others is off
    values = [(key, limits.get(key.partition(".")[2])) for key in OF_VALIDATION]
    trainer = [(key, str(value)) for key, value in values if value and not (isinstance(value, float) and value == 1.0)]
    training = OF_TRAINING - {"batch_size"} if trainer else OF_TRAINING  # limits count batches
    data = [(key, value) for key, value in _set(config, "data") if not training.intersection(key.split("."))]
    return tuple(sorted((*data, *trainer)))


def batch(config: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The batch size, where a sample's loss depends on who else is in its batch."""
    (_, inputs), (_, kind) = look_up(config, "loss.inputs"), look_up(config, "data.target")
    among = inputs == "views" or (inputs in ("pairs", "triplets") and kind not in ("pair", "triplet"))
    return [(key, value) for key, value in _set(config, "data") if key == "data.batch_size"] if among else []


def _details(config: Mapping[str, Any], primary: str) -> tuple[tuple[str, str], ...]:
    """All values of a config that say of what its figures of this metric are."""
    found = dict(samples(config))
    if primary in WITHIN_A_BATCH:
        found.update(batch(config))
    return (*sorted(found.items()), *(_criterion(config) if primary == "val/loss" else ()))


def _criterion(config: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a loss is a figure of."""
    ours = ("loss.criterion.", "loss.activation")
    return [(key, value) for key, value in _set(config, "loss") if key.startswith(ours)]


def _set(config: Mapping[str, Any], key: str) -> Iterator[tuple[str, str]]:
    """The values below a key that are not null."""
    return ((leaf, value) for leaf, value in leaves(config.get(key), key) if value != "null")


def titles(every: Sequence[Contest]) -> list[str]:
    """``val/acc on digits``, and in brackets what tells those apart that are otherwise called the same."""
    found = []
    for contest in every:
        alike = [one for one in every if (one.primary, one.data) == (contest.primary, contest.data)]
        common = set(contest.details).intersection(*(one.details for one in alike))
        own = [f"{key}={value}" for key, value in contest.details if (key, value) not in common]
        own = [one for one in own if not one.startswith("data.source.")] or own  # it repeats what stands above it
        different_mode = len({one.mode for one in alike}) > 1
        brackets = ", ".join([*own, *([contest.mode] if different_mode else [])])
        found.append(f"{contest.primary} on {contest.data}" + (f" ({brackets})" if brackets else ""))
    for place, title in enumerate(found):
        if title in found[:place]:
            found[place] = f"{title} #{found[:place].count(title) + 1}"
    return found
