"""Digests of samples and datasets, the same in every process and on every machine."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from lossbook.data.schema import Schema
from lossbook.data.source import PARTS, Part, Parts

_CHUNK = 1 << 18  # bytes mixed at once, few enough for the cache
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def input_digests(part: Part) -> np.ndarray | None:
    """Return digests of the inputs of a part, (N,) uint64; None for a ``Dataset`` without ``digests``.

    Equal inputs have equal digests; different ones collide with a probability of 1 in 1.8e19. A ``Dataset`` may have
    an attribute ``digests``, for the files that it reads.
    """
    if not isinstance(part, Mapping):
        found = getattr(part, "digests", None)
        return None if found is None else np.asarray(found, dtype=np.uint64)
    return _column_digests(part["input"])


def content(parts: Parts) -> dict[str, np.ndarray | None]:
    """Return the digests of the inputs of each part."""
    return {name: input_digests(getattr(parts, name)) for name in PARTS}


def sample_digests(part: Part, inputs: np.ndarray) -> np.ndarray:
    """Return digests of inputs, targets and lengths together, (N,) uint64, given those of the inputs."""
    digests = inputs.copy()
    if isinstance(part, Mapping):
        others = [part[key] for key in sorted(part) if key != "input"]
    else:
        targets = getattr(part, "targets", None)
        others = [] if targets is None else [torch.as_tensor(targets)]
    for column in others:
        digests *= _GOLDEN
        digests += _column_digests(column)
        _mixed(digests)
    return digests


def fingerprint(parts: Parts, inputs: Mapping[str, np.ndarray | None]) -> str | None:
    """Return 16 hexadecimal digits that identify the content of all parts, in any order; None if it is unknown.

    Args:
        parts: a loaded dataset.
        inputs: its ``content``.
    """
    digest = hashlib.blake2b(_described(parts.schema).encode(), digest_size=8)
    for name, known in inputs.items():
        if known is None:
            return None
        digests = sample_digests(getattr(parts, name), known)
        digests.sort()
        digest.update(f"{name} {len(digests)};".encode())
        digest.update(digests.astype("<u8", copy=False).data)
    return digest.hexdigest()


def overlaps(inputs: Mapping[str, np.ndarray | None]) -> list[str]:
    """Return a line for each two parts that have inputs in common: such samples do not test generalisation."""
    found = []
    in_order = {part: None if digests is None else np.sort(digests) for part, digests in inputs.items()}
    for part, earlier in (("val", "train"), ("test", "train"), ("test", "val")):
        own, other = in_order[part], in_order[earlier]
        if own is not None and other is not None and (same := _count_shared(own, other)):
            found.append(f"{same:,} of {len(own):,} {part} samples have an input that is also in the {earlier} part")
    return found


def _count_shared(own: np.ndarray, other: np.ndarray) -> int:
    """Return how many of the one array's values the other has, too; both are sorted."""
    if not len(own) or not len(other):
        return 0
    place = np.searchsorted(other, own)
    place[place == len(other)] = 0
    return int((other[place] == own).sum())


def _described(schema: Schema) -> str:
    if schema.targets:
        return repr([(name, _described(one)) for name, one in schema.heads.items()])
    return repr((schema.target, schema.input_shape, schema.classes, schema.class_names, schema.alphabet, schema.width))


def _column_digests(column: Tensor | tuple[Tensor, ...]) -> np.ndarray:
    """Return digests of the rows of a column, or of several columns together."""
    if isinstance(column, tuple):
        digests = _column_digests(column[0])
        for other in column[1:]:
            digests = _mixed(digests * _GOLDEN + _column_digests(other))
        return digests
    column = column.detach().cpu()
    values = np.ascontiguousarray((column.view(torch.int16) if column.dtype == torch.bfloat16 else column).numpy())
    samples, size = len(column), values.itemsize * math.prod(column.shape[1:])
    rows = values.reshape(-1).view(np.uint8).reshape(samples, size)
    digests = np.empty(samples, np.uint64)
    words = -(-size // 8)
    places = np.arange(1, words + 1, dtype=np.uint64) * _GOLDEN
    step = max(1, _CHUNK // max(1, size))
    for start in range(0, samples, step):
        block = rows[start : start + step]
        if size % 8:
            block = np.pad(block, ((0, 0), (0, 8 * words - size)))
        mixed = _mixed(block.view("<u8").astype(np.uint64, copy=False) + places)
        digests[start : start + step] = mixed.sum(1, dtype=np.uint64)
    digests += np.uint64(size)
    return _mixed(digests)


def _mixed(words: np.ndarray) -> np.ndarray:
    """Mix the bits of each word in place (the finaliser of splitmix64, Steele et al. 2014)."""
    flat = words.reshape(-1)
    for start in range(0, len(flat), _CHUNK // 8):
        block = flat[start : start + _CHUNK // 8]
        block ^= block >> np.uint64(30)
        block *= np.uint64(0xBF58476D1CE4E5B9)
        block ^= block >> np.uint64(27)
        block *= np.uint64(0x94D049BB133111EB)
        block ^= block >> np.uint64(31)
    return words
