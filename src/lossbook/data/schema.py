"""What a dataset promises: everything that losses and models need to know of it, and nothing of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Schema:
    """The promises of one dataset: its inputs, and its target, or several by name.

    Args:
        target: target kind, one of those that ``lossbook.targets`` defines; empty where there are several targets.
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
        categories: (place, number of categories) of each column of the inputs that holds the index of a category, as a
            float; 0 stands for one that the training part lacks. Only where a model is to embed them.
        targets: several targets by name, each as the schema of a dataset that has it alone; see ``of_several``.
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
    categories: tuple[tuple[int, int], ...] = ()
    targets: Mapping[str, Schema] = field(default_factory=dict)

    def __post_init__(self) -> None:
        assert bool(self.target) != bool(self.targets), "one target, or several by name"
        for name, one in self.targets.items():
            assert name.isidentifier(), name
            assert name not in ("input", "index", "target", "weight", "loss"), name
            assert one.target, f"{name} is one target"

    @classmethod
    def of_several(cls, targets: Mapping[str, Schema]) -> Schema:
        """Return the schema of inputs with several targets; a batch holds each of them under its name.

        Args:
            targets: by name, schemas of the same inputs.
        """
        first = next(iter(targets.values()))
        return cls(
            "",
            first.input_shape,
            first.samples,
            vocabulary=first.vocabulary,
            categories=first.categories,
            targets=dict(targets),
        )

    @property
    def heads(self) -> dict[str, Schema]:
        """A schema with one target for each head of a model, by the target's name; a single one has the empty name."""
        if not self.targets:
            return {"": self}
        inputs = {name: getattr(self, name) for name in ("input_shape", "samples", "views", "vocabulary", "categories")}
        return {name: replace(one, **inputs) for name, one in self.targets.items()}


def entry(name: str, key: str = "target") -> str:
    """Return the key in a batch of what belongs to the target of this name.

    Args:
        name: of the target, empty where it is the only one.
        key: ``target``, ``target_lengths``, ...
    """
    return name + key.removeprefix("target") if name else key
