"""What a run knows of its data, kept in its checkpoints: names, statistics, parts, and what tells the content apart."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lossbook.data.digests import fingerprint
from lossbook.data.reader import Reader, read_reader
from lossbook.data.schema import Schema
from lossbook.data.source import PARTS, Features, Normalise, Parts, sample_count
from lossbook.errors import refuse
from lossbook.targets import KINDS

VERSION = 1
TARGET = "target"  # the name of a target that is the only one
_INPUTS = ("input_shape", "vocabulary", "categories", "views", "samples")  # of a schema, what is not a target's


@dataclass(frozen=True)
class KnownSamples:
    """The samples of a user's own data that a run has seen, recognised by what they hold.

    Args:
        digests: of the inputs, (N,) uint64, in the order of the data.
        parts: part -> places in that order.
        earlier: digests of what it was trained or validated on before, and is no longer there; any number.
    """

    digests: np.ndarray
    parts: Mapping[str, np.ndarray]
    earlier: np.ndarray = field(default_factory=lambda: np.zeros(0, np.uint64))

    def trained_on(self) -> np.ndarray:
        """The digests of what was trained or validated on."""
        return np.concatenate([self.digests[self.parts["train"]], self.digests[self.parts["val"]], self.earlier])


@dataclass(frozen=True)
class FittedData:
    """What the data of a run was fitted to, and what identifies it.

    Args:
        schema: kind, shape, names and statistics, those of the training part.
        normalise: mean and standard deviation of each channel.
        features: of a table.
        samples: of each part.
        fingerprint: of the content; None where that is not known.
        seed: ``data.seed``, with which parts were drawn.
        known: the samples, where the data is the user's own.
        reader: reads further inputs as those of the run were read.
    """

    schema: Schema
    normalise: Normalise | None
    features: Features | None
    samples: Mapping[str, int]
    fingerprint: str | None
    seed: int = 0
    known: KnownSamples | None = None
    reader: Reader | None = None

    @classmethod
    def of(
        cls, parts: Parts, inputs: Mapping[str, np.ndarray | None], seed: int, before: FittedData | None = None
    ) -> FittedData:
        """What a loaded set was fitted to.

        Args:
            parts: the set, with the statistics that are used.
            inputs: its ``content``.
            seed: ``data.seed``.
            before: what the checkpoint knew that the run goes on from.
        """
        samples = {name: sample_count(getattr(parts, name)) for name in PARTS}
        mark = fingerprint(parts, inputs)
        known = _known_samples(parts, inputs, None if before is None else before.known)
        return cls(parts.schema, parts.normalise, parts.features, samples, mark, seed, known, parts.reader)

    def state(self) -> dict[str, Any]:
        """As plain containers and tensors, for a checkpoint."""
        inputs = {name: getattr(self.schema, name) for name in _INPUTS}
        targets = {
            name or TARGET: {
                field.name: getattr(one, field.name)
                for field in fields(Schema)
                if field.name not in (*_INPUTS, "targets")
            }
            for name, one in self.schema.heads.items()
        }
        features = None if self.features is None else vars(self.features)
        reader = None if self.reader is None else self.reader.state()
        known = None
        if self.known is not None:
            places = {name: torch.from_numpy(np.asarray(rows, np.int64)) for name, rows in self.known.parts.items()}
            digests, earlier = (
                torch.from_numpy(known.view(np.int64)) for known in (self.known.digests, self.known.earlier)
            )
            known = {"digests": digests, "parts": places, "earlier": earlier}
        return {
            "version": VERSION,
            "fingerprint": self.fingerprint,
            "samples": dict(self.samples),
            "seed": self.seed,
            "inputs": {**inputs, "normalise": self.normalise, "features": features, "reader": reader},
            "targets": targets,
            "known": known,
        }

    @classmethod
    def read(cls, state: Any) -> FittedData:
        """The content of ``state()``.

        Raises:
            UserError: it was written by a later version, or is damaged.
        """
        if isinstance(state, Mapping) and isinstance(state.get("version"), int) and state["version"] > VERSION:
            raise refuse(
                f"The checkpoint describes its data in version {state['version']}.",
                f"This is an older Lossbook, which reads version {VERSION}.",
                "update lossbook",
            )
        try:
            return _read(state)
        except (TypeError, ValueError, KeyError, AttributeError, AssertionError, RuntimeError) as error:
            raise refuse(
                f"The checkpoint's entry on its data is damaged ({type(error).__name__}: {error}).",
                "It says which features and classes the network was trained on.",
                "take the other one of best.ckpt and last.ckpt",
            ) from error


def known_data(checkpoint: Mapping[str, Any]) -> FittedData | None:
    """What a checkpoint's entry knows of its data; None where it is of a version that did not write that down."""
    state = checkpoint["lossbook"].get("data")
    return None if state is None else FittedData.read(state)


def changes(known: FittedData | None, now: FittedData) -> list[str]:
    """What sets the data apart from the checkpoint's, a line each; none where nothing does."""
    if known is None:
        return ["an earlier version wrote this checkpoint: it does not know its data, whose names, statistics and parts"
                " are taken from what is there now"]  # fmt: skip
    if known.fingerprint == now.fingerprint or None in (known.fingerprint, now.fingerprint):
        return []
    counts = (" + ".join(f"{data.samples[name]:,}" for name in PARTS) for data in (known, now))
    return ["the data is not what the checkpoint was trained on: {} samples then, {} now".format(*counts)]


def _known_samples(
    parts: Parts, inputs: Mapping[str, np.ndarray | None], before: KnownSamples | None
) -> KnownSamples | None:
    if parts.rows is None or any(digests is None for digests in inputs.values()):
        return before
    ranks = _ranks(parts.rows)
    every = np.empty(sum(map(len, ranks.values())), np.uint64)
    for name, own in ranks.items():
        digests = inputs[name]
        assert digests is not None
        every[own] = digests
    earlier = np.zeros(0, np.uint64) if before is None else np.setdiff1d(before.trained_on(), every)
    return KnownSamples(every, ranks, earlier)


def _ranks(rows: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the places of the samples of each part among those that are in any part."""
    count = 1 + max((int(own.max()) for own in rows.values() if len(own)), default=-1)
    if sum(map(len, rows.values())) == count:
        return {name: rows[name] for name in PARTS}
    used = np.zeros(count, bool)
    for own in rows.values():
        used[own] = True
    rank = np.cumsum(used) - 1
    return {name: rank[rows[name]] for name in PARTS}


def _read(state: Mapping[str, Any]) -> FittedData:
    inputs = dict(state["inputs"])
    normalise, features, known = inputs.pop("normalise"), inputs.pop("features"), state["known"]
    reader = inputs.pop("reader", None)  # earlier versions had none
    targets = {
        name: Schema(**{key: _frozen(value) for key, value in {**target, **inputs}.items()})
        for name, target in state["targets"].items()
    }
    for one in targets.values():
        _require_sound(one)
    schema = targets[TARGET] if targets.keys() == {TARGET} else Schema.of_several(targets)
    if normalise is not None:
        normalise = _frozen(normalise)
        _require_numbers(*normalise)
    if features is not None:
        features = Features(**{name: _frozen(value) for name, value in features.items()})
        _require_numbers(features.mean, features.scale)
        assert len(features.names) == len(features.mean) == len(features.scale)
    if known is not None:
        digests, places = known["digests"], {name: known["parts"][name] for name in PARTS}
        assert isinstance(digests, Tensor)
        assert digests.dtype == torch.int64
        every = torch.cat(list(places.values())).sort().values
        assert torch.equal(every, torch.arange(len(digests)))
        earlier = known.get("earlier", digests[:0])
        assert isinstance(earlier, Tensor)
        assert earlier.dtype == torch.int64
        known = KnownSamples(
            digests.contiguous().numpy().view(np.uint64),
            {name: rows.numpy() for name, rows in places.items()},
            earlier.contiguous().numpy().view(np.uint64),
        )
    samples = {name: int(state["samples"][name]) for name in PARTS}
    fingerprint = state["fingerprint"]
    assert fingerprint is None or isinstance(fingerprint, str)
    if reader is not None:
        reader = read_reader({key: _frozen(value) for key, value in reader.items()})
    return FittedData(schema, normalise, features, samples, fingerprint, int(state["seed"]), known, reader)


def _require_sound(schema: Schema) -> None:
    assert schema.target in KINDS
    assert schema.input_shape
    assert all(type(size) is int and size > 0 for size in schema.input_shape)
    for names in (schema.class_names, schema.alphabet):
        assert all(isinstance(name, str) for name in names)
        assert not names or len(names) == schema.classes
    _require_numbers(schema.mean, schema.scale)


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, (list, tuple)) else value


def _require_numbers(*columns: Sequence[Any]) -> None:
    for column in columns:
        assert all(isinstance(number, (int, float)) and math.isfinite(number) for number in column)
