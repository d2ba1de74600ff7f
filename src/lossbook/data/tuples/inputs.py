"""The inputs of pairs and triplets, each read once: images from files, vectors from files or from the table itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from lossbook.data.digests import input_digests
from lossbook.data.fitted import FittedData
from lossbook.data.images.opening import open_images
from lossbook.data.images.options import ImageOptions
from lossbook.data.reader import Reader
from lossbook.data.source import Columns, Normalise, Part
from lossbook.data.tuples.images import TupleImages
from lossbook.data.tuples.vectors import VectorReader, read_vectors
from lossbook.errors import refuse

_SHOWN = 20


@dataclass(frozen=True)
class TupleInputs:
    """Tuples whose inputs can be read.

    Args:
        rows: (N,) their rows in the user's data.
        members: (N, K) which inputs make up each; equal inputs have equal numbers.
        digests: (N,) uint64, of all inputs of each.
        shape: of an input.
        part: returns the samples of some of them.
        normalisation: returns statistics of channels on these training samples, and what a user should know of them.
        reader: reads further inputs.
        notes: for the user.
    """

    rows: np.ndarray
    members: np.ndarray
    digests: np.ndarray
    shape: tuple[int, ...]
    part: Callable[[np.ndarray], Part]
    normalisation: Callable[[np.ndarray], tuple[Normalise | None, list[str]]]
    reader: Reader
    notes: tuple[str, ...] = ()


def image_inputs(
    paths: Sequence[Sequence[str]],
    same: np.ndarray | None,
    options: ImageOptions,
    known: FittedData | None = None,
) -> TupleInputs:
    """Open the images of tuples.

    Args:
        paths: of the images of each tuple.
        same: (N,) whether pairs belong together; None for triplets.
        options: of the user.
        known: what a checkpoint was trained on; its statistics are not measured anew.

    Raises:
        UserError: files cannot be read, and ``on_bad`` is ``fail``.
    """
    files, members = _numbered(paths)
    opened = open_images(files, options, known)
    rows, members = _readable(members, opened.rows, len(files))
    whole = TupleImages(opened.files, members, None if same is None else torch.from_numpy(same[rows]))
    assert whole.digests is not None

    def normalisation(train: np.ndarray) -> tuple[Normalise | None, list[str]]:
        statistics = None if known is None else known.normalise
        return opened.normalisation(opened.files.rows(np.unique(members[train])), statistics)

    kinds = (f"images: {opened.kinds}",) if opened.kinds else ()
    notes = (*kinds, *opened.notes, *_left_out(len(paths), len(rows)))
    return TupleInputs(
        rows, members, whole.digests, opened.files.form.shape, whole.rows, normalisation, opened.reader, notes
    )


def vector_file_inputs(paths: Sequence[Sequence[str]], same: np.ndarray | None, skip: bool) -> TupleInputs:
    """Read the vectors of tuples from .npy files.

    Args:
        paths: of the vectors of each tuple.
        same: (N,) whether pairs belong together; None for triplets.
        skip: leave out tuples with files that cannot be read.

    Raises:
        UserError: files cannot be read, or differ in length.
    """
    files, members = _numbered(paths)
    found, bad = read_vectors(files)
    named = [f"{files[place]} ({error})" for place, error in bad.items()]
    more = f" and {len(named) - _SHOWN:,} more" if len(named) > _SHOWN else ""
    listed = f"{', '.join(named[:_SHOWN])}{more}"
    if bad and (not skip or not found):
        rule = "Each .npy file must hold a vector of finite numbers, all of one length."
        raise refuse(f"{len(bad):,} of {len(files):,} vectors cannot be used: {listed}", rule,
                     "correct these files, or data.on_bad=skip")  # fmt: skip
    rows, members = _readable(members, np.array(list(found), dtype=np.int64), len(files))
    made = vector_inputs(np.stack(list(found.values()))[members], None if same is None else same[rows])
    skipped = (f"{len(bad):,} of {len(files):,} vectors cannot be read: {listed}",) if bad else ()
    notes = (*skipped, *_left_out(len(paths), len(rows)))
    return TupleInputs(rows, members, made.digests, made.shape, made.part, made.normalisation, made.reader, notes)


def vector_inputs(vectors: np.ndarray, same: np.ndarray | None) -> TupleInputs:
    """Return tuples of vectors in memory, which stay as they are.

    Args:
        vectors: (N, K, D) float32.
        same: (N,) whether pairs belong together; None for triplets.
    """
    count, inputs, size = vectors.shape
    tensors = tuple(torch.from_numpy(np.ascontiguousarray(vectors[:, place])) for place in range(inputs))
    alike = input_digests({"input": torch.from_numpy(vectors.reshape(count * inputs, size))})
    assert alike is not None
    _, members = np.unique(alike, return_inverse=True)
    digests = input_digests({"input": tensors})
    assert digests is not None

    def part(rows: np.ndarray) -> Columns:
        columns: Columns = {"input": tuple(tensor[torch.from_numpy(rows)] for tensor in tensors)}
        return columns if same is None else {**columns, "target": torch.from_numpy(same[rows])}

    return TupleInputs(
        np.arange(count),
        members.reshape(count, inputs),
        digests,
        (size,),
        part,
        lambda _: (None, []),
        VectorReader(size),
    )


def _numbered(paths: Sequence[Sequence[str]]) -> tuple[list[Path], np.ndarray]:
    """Return the different files, and which of them make up each tuple (N, K)."""
    number = {path: place for place, path in enumerate(dict.fromkeys(path for row in paths for path in row))}
    return [Path(path) for path in number], np.array([[number[path] for path in row] for row in paths])


def _readable(members: np.ndarray, good: np.ndarray, files: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of tuples whose files can all be read, and their members among the readable ones."""
    place = np.full(files, -1)
    place[good] = np.arange(len(good))
    rows = np.flatnonzero((place[members] >= 0).all(1))
    if not len(rows):
        raise refuse("no sample has inputs that can all be read", "Each sample needs all its inputs.", "correct them")
    return rows, place[members[rows]]


def _left_out(every: int, kept: int) -> tuple[str, ...]:
    return (f"{every - kept:,} of {every:,} samples are left out with them",) if kept < every else ()
