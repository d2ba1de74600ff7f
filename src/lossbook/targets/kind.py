"""What a kind of target is: all that data, losses, models and checks of the config need to know of it.

Nothing here imports torch before it computes: whether choices fit together is checked on the config alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from lossbook.errors import UserError, refuse

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import Tensor
    from torchmetrics import Metric

    from lossbook.data.schema import Schema
    from lossbook.targets.encoding import Encoding, Prediction
    from lossbook.targets.rows import PredictionRows

Batch = Mapping[str, Any]


class TargetKind:
    """One kind of target. A file of this package defines one, as ``KIND``.

    Attributes:
        name: as data options state it (``target: class``).
        promise: shape and type of a batch of such targets, in words.
        output: what a model must give: ``vector``, ``dense`` (a vector a pixel), ``sequence``, or a new word that
            models state among what they give.
        inputs: how many inputs make up a sample.
        views: whether the data may be given as several augmented views.
        bound_to_pixels: what in the target would no longer fit if augmentation moved pixels; empty for nothing.
        class_axis: how classes stand in a target: by ``index``, a ``column`` each, or not at all (None).
        encodings: encodings by the name that contracts call them.
        roles: ways of forming a criterion's inputs -> the role of the encodings that they can be formed from.
        ranks_classes: whether the most probable classes of a sample can be listed.
    """

    name: ClassVar[str]
    promise: ClassVar[str]
    output: ClassVar[str] = "vector"
    inputs: ClassVar[int] = 1
    views: ClassVar[bool] = False
    bound_to_pixels: ClassVar[str] = ""
    class_axis: ClassVar[str | None] = None
    encodings: ClassVar[Mapping[str, type[Encoding]]] = {}
    roles: ClassVar[Mapping[str, str]] = {}
    ranks_classes: ClassVar[bool] = False

    def shape(self, schema: Schema) -> tuple[str | int, ...] | None:
        """Return the sizes of a batch's target, a letter for each size that is free; None where there is no target."""
        return ("N",)

    def require(self, batch: Batch, schema: Schema, where: str, ignore_index: int | None = None) -> None:
        """Check the shape and every value of the target of a batch, or of a whole part.

        Args:
            batch: with ``target``, and what else belongs to it.
            schema: of the data.
            where: names the batch in the message, as in ``"batch 7 of the train part"``.
            ignore_index: a class index that the loss leaves out, allowed beside the classes.

        Raises:
            UserError: names the shape, or the first sample whose value breaks the kind's promise.
        """
        promised = self.shape(schema)
        if promised is None:
            return
        if "target" not in batch:
            raise refuse(f"{_upper(where)} has no 'target'.", f"Data of the kind '{self.name}' gives one.")
        shape = tuple(batch["target"].shape)
        if len(shape) != len(promised) or any(
            isinstance(p, int) and n != p for n, p in zip(shape, promised, strict=True)
        ):
            sizes = f"{', '.join(map(str, promised))}{',' if len(promised) == 1 else ''}"
            raise refuse(
                f"{_upper(where)} holds a target of shape {shape}.",
                f"Targets of the kind '{self.name}' have the shape ({sizes}) here; torch would broadcast others in"
                " silence.",
                "fix the data",
            )
        self.check(batch, schema, where, ignore_index)

    def check(self, batch: Batch, schema: Schema, where: str, ignore_index: int | None = None) -> None:
        """Refuse values that break the promise; the shape has been checked. Arguments and errors as in ``require``."""

    def prepared(self, target: Tensor) -> Tensor:
        """Return the target in the type that encodings take."""
        return target

    def statistics(self, target: Tensor, schema: Schema) -> dict[str, Any]:
        """Return the fields of the schema that are measured on the training part's targets."""
        return {}

    def collate(self, targets: Sequence[Tensor]) -> dict[str, Tensor]:
        """Stack the targets of single samples to those of a batch; keys start with ``target``."""
        import torch

        return {"target": torch.stack(list(targets))}

    def picture(self, batch: Batch, prediction: Prediction, schema: Schema) -> Figure | None:
        """Draw predictions beside targets; None for a kind, or for inputs, of which there is no picture.

        Args:
            batch: of a few samples, with ``target``.
            prediction: for them.
            schema: of the data.
        """
        return None

    def written(self, decision: Tensor, schema: Schema) -> list[str]:
        """Return decisions, or targets, in words: one string a sample, empty where a sample has no short name."""
        return [""] * len(decision)

    def confusion(self, schema: Schema, ignore_index: int | None = None) -> Metric | None:
        """Return a metric over decisions and targets that gives a confusion matrix; None where there are no classes.

        (C, C) of classes; (L, 2, 2) of labels.
        """
        return None

    def mistakes(self, prediction: Prediction, target: Tensor, schema: Schema) -> Tensor | None:
        """Return how wrong each prediction is, (N,) >= 0, 0 where it is right; None where that cannot be said."""
        return None

    def rows(self, prediction: Prediction, schema: Schema, most: int | None = None) -> PredictionRows:
        """Return predictions of a batch as they are written down.

        Args:
            prediction: on the CPU; embeddings, of whatever kind, are written by ``embeddings.embedding_rows``.
            schema: of the data.
            most: list so many of the most probable classes in place of all; only where ``ranks_classes``.
        """
        raise NotImplementedError(f"predictions of the kind '{self.name}'")

    def chance(self, metric: str, target: Tensor | None, schema: Schema) -> tuple[float, str] | None:
        """Return what a metric is without looking at any input, and how it comes about; None where that is unknown.

        Args:
            target: of the validation part, where it is in memory.
        """
        return None


def refuse_at(wrong: Tensor, target: Tensor, where: str, rule: str, fix: str = "fix the data") -> UserError:
    """Return the error that names the first wrong value of a target, and how many more there are."""
    first = tuple(int(i) for i in wrong.nonzero()[0])
    value = target[first].item()
    others = int(wrong.sum()) - 1
    more = f" (and {others} more)" if others else ""
    return refuse(f"{_upper(where)}, sample {first[0]}: the target holds {value:g}{more}.", rule, fix)


def refuse_type(target: Tensor, where: str, what: str, rule: str, fix: str = "") -> UserError:
    """Return the error for targets whose numbers are of another type than their kind's."""
    kind = str(target.dtype).removeprefix("torch.")
    return refuse(f"{_upper(where)} holds {what} of type {kind}.", rule, fix)


def refuse_batch(where: str, what: str, rule: str) -> UserError:
    """Return the error for a batch that lacks something."""
    return refuse(f"{_upper(where)} {what}", rule)


def most_frequent(target: Tensor, names: Sequence[str] = ()) -> tuple[float, str] | None:
    """Return the share of the most frequent target, and how it comes about."""
    if not len(target):
        return None
    rows, counts = target.unique(dim=0, return_counts=True)
    most = int(counts.argmax())
    answer = names[int(rows[most])] if names else str(rows[most].tolist())
    return float(counts[most]) / len(target), f"the value of always predicting '{answer}'"


def class_counts(target: Tensor, classes: int | None) -> tuple[int, ...]:
    """Count the targets of each class; other indices (-100, 255) are ignored by a loss, or refused by ``check``."""
    import torch

    assert classes
    inside = target[(target >= 0) & (target < classes)]
    return tuple(torch.bincount(inside.long(), minlength=classes).tolist())


def is_image(inputs: Tensor) -> bool:
    """Whether a batch of inputs is one of images with one or three channels."""
    return inputs.ndim == 4 and inputs.shape[1] in (1, 3)


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
