"""What a dataset promises: everything that losses and models need to know of it, and nothing of them."""

from __future__ import annotations

from dataclasses import dataclass

TARGET_KINDS = {
    "class": "one class index a sample, (N,) int64",
    "multilabel": "a 0/1 vector a sample, (N, C)",
    "value": "real values a sample, (N, W) float32",
    "count": "non-negative whole numbers a sample, (N, W)",
    "distribution": "probabilities over the classes, (N, C), rows sum to 1",
    "mask": "a class index a pixel, (N, H, W) int64",
    "text": "symbol indices padded with -1, (N, S) int64, and target_lengths (N,)",
    "pair": "two inputs a sample, and 1 (same) or 0 (different), (N,)",
    "triplet": "three inputs a sample (anchor, positive, negative), no target",
    "none": "no target",
}


@dataclass(frozen=True)
class Schema:
    """The promises of one dataset.

    Args:
        target: target kind, one of ``TARGET_KINDS``.
        input_shape: shape of one input of one sample, e.g. ``(1, 8, 8)`` for channels, height, width.
        samples: number of training samples.
        classes: number of classes (class, multilabel, distribution, mask), or of symbols (text).
        width: number of target columns (value, count).
        class_names: a name for each class, in order of the indices.
        column_names: of the target's columns, where those of a table are values or counts.
        alphabet: the symbol of each index (text).
        views: how many augmented views of a sample the training batches hold.
        mean, scale: of each target column on the training part (value, count).
        class_counts: of the training part: samples of each class (class), samples that bear each
            label (multilabel), pixels of each class (mask).
        positive: of two classes, the index of the one that counts as positive (class); None: the last.
        vocabulary: inputs are tokens, indices from 0 to below this; None: inputs are numbers.
    """

    target: str
    input_shape: tuple[int, ...]
    samples: int
    classes: int | None = None
    width: int | None = None
    class_names: tuple[str, ...] = ()
    alphabet: tuple[str, ...] = ()
    views: int = 1
    mean: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()
    class_counts: tuple[int, ...] = ()
    vocabulary: int | None = None
    positive: int | None = None
    column_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        assert self.target in TARGET_KINDS, self.target

    @property
    def output(self) -> str:
        """The kind of output that a model must give: ``vector``, ``dense`` (a vector a pixel) or ``sequence``."""
        return {"mask": "dense", "text": "sequence"}.get(self.target, "vector")
