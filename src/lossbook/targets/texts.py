"""Texts: symbols, which an encoding sets beside a blank."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lossbook.errors import refuse
from lossbook.targets.drawing import captioned_images
from lossbook.targets.encoding import Encoding, Measure, Prediction, Probabilities
from lossbook.targets.kind import Batch, TargetKind, is_image, refuse_at, refuse_batch, refuse_type
from lossbook.targets.rows import PredictionRows

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import Tensor

    from lossbook.data.schema import Schema


class Symbols(Encoding):
    """Symbol indices that leave the blank's place free, (N, S) int64; one output a symbol and one for the blank.

    Args:
        blank: index of the blank among the C + 1 outputs.
    """

    def __init__(self, schema: Schema, blank: int = 0) -> None:
        super().__init__(schema)
        self.blank = blank
        if not 0 <= blank < self.width:
            raise refuse(
                f"loss.criterion.blank={blank}", f"The blank is one of the {self.width} outputs, 0..{self.width - 1}."
            )

    @property
    def width(self) -> int:
        assert self.schema.classes
        return self.schema.classes + 1

    def encode(self, target: Tensor) -> Tensor:
        """Move indices from ``blank`` on up by one; padding becomes the blank, which the lengths hide."""
        shifted = target + (target >= self.blank)
        return shifted.masked_fill(target < 0, self.blank)

    def decide(self, scores: Tensor) -> Tensor:
        """Read (N, T, C+1) greedily: most probable symbols, repeats merged, blanks dropped, padded with -1.

        Steps beyond a sample's input length must be blanks already.
        """
        path = scores.argmax(dim=2)
        keep = path != self.blank
        keep[:, 1:] &= path[:, 1:] != path[:, :-1]
        symbols = path - (path > self.blank).long()
        # a stable sort of "dropped" behind "kept" leaves the kept symbols in their order
        order = (~keep).long().argsort(dim=1, stable=True)
        return symbols.masked_fill(~keep, -1).gather(1, order)

    def predict(
        self, scores: Tensor, probabilities: Probabilities | None = None, thresholds: Mapping[str, Tensor] | None = None
    ) -> Prediction:
        """Read greedily; the confidence of a text is the probability of its best path.

        Steps beyond a sample's length are certain blanks already, and change neither.
        """
        decision = self.decide(scores)
        if probabilities is None:
            return Prediction(decision)
        return Prediction(decision, None, probabilities(scores).amax(dim=2).log().sum(dim=1).exp())

    def compared(self, decision: Tensor, target: Tensor) -> tuple[list[str], list[str]]:
        """Return both as texts."""
        return texts(decision, self.schema), texts(target, self.schema)

    def measures(self) -> dict[str, Measure]:
        from torchmetrics import MeanMetric

        from lossbook.metrics.texts import TextErrors, exact_matches

        return {
            "acc": Measure(
                MeanMetric(),
                lambda scores, target: (exact_matches(self.decide(scores), target),),
                train=True,
                higher_is_better=True,
                hint="whole texts read right",
            ),
            "errors": Measure(TextErrors(alphabet(self.schema)), lambda scores, target: (self.decide(scores), target)),
        }


def alphabet(schema: Schema) -> tuple[str, ...]:
    """Return the symbol of each index; numbers where the data names none."""
    return schema.alphabet or tuple(map(str, range(schema.classes or 0)))


def texts(symbols: Tensor, schema: Schema) -> list[str]:
    """Return the texts of symbol indices (N, S), padded with negative ones."""
    names = alphabet(schema)
    return ["".join(names[symbol] for symbol in row if symbol >= 0) for row in symbols.tolist()]


class TextTarget(TargetKind):
    """A text a sample."""

    name = "text"
    promise = "symbol indices padded with -1, (N, S) int64, and target_lengths (N,)"
    output = "sequence"
    bound_to_pixels = "a width in columns"
    class_axis = "index"
    encodings = {"padded_indices": Symbols}  # noqa: RUF012
    roles = {"sequence": "target"}  # noqa: RUF012

    def shape(self, schema: Schema) -> tuple[str | int, ...]:
        return "N", "S"

    def check(self, batch: Batch, schema: Schema, where: str, ignore_index: int | None = None) -> None:
        import torch

        if "target_lengths" not in batch:
            raise refuse_batch(where, "has no 'target_lengths'.", "Data of the kind 'text' gives the length of each.")
        target, lengths = batch["target"], batch["target_lengths"]
        if target.is_floating_point():
            raise refuse_type(target, where, "text", "A symbol is a whole number (int64).")
        wrong = (lengths < 0) | (lengths > target.shape[1])
        if wrong.any():
            rule = f"A text's length lies in 0..{target.shape[1]}, the width of the batch."
            raise refuse_at(wrong, lengths, where, rule)
        within = torch.arange(target.shape[1], device=target.device) < lengths[:, None]
        wrong = within & ((target < 0) | (target >= (schema.classes or 0)))
        if wrong.any():
            rule = f"A symbol lies in 0..{(schema.classes or 0) - 1}; the blank is not among them."
            raise refuse_at(wrong, target, where, rule)

    def collate(self, targets: Sequence[Tensor]) -> dict[str, Tensor]:
        """Pad texts (S,) of different lengths with -1; ``target_lengths`` says how long each is."""
        import torch
        from torch.nn.utils.rnn import pad_sequence

        lengths = torch.tensor([len(target) for target in targets])
        return {"target": pad_sequence(list(targets), batch_first=True, padding_value=-1), "target_lengths": lengths}

    def picture(self, batch: Batch, prediction: Prediction, schema: Schema) -> Figure | None:
        if not is_image(batch["input"]):
            return None
        said, true = texts(prediction.decision, schema), texts(batch["target"], schema)
        captions = [
            one if one == other else f"{one or 'nothing'}, not {other}" for one, other in zip(said, true, strict=True)
        ]
        return captioned_images(batch["input"], captions, [one != other for one, other in zip(said, true, strict=True)])

    def written(self, decision: Tensor, schema: Schema) -> list[str]:
        return texts(decision, schema)

    def mistakes(self, prediction: Prediction, target: Tensor, schema: Schema) -> Tensor | None:
        """The edit distance in characters."""
        import torch
        from torchmetrics.functional.text import edit_distance

        said, true = texts(prediction.decision, schema), texts(target, schema)
        return torch.as_tensor(edit_distance(said, true, reduction="none")).float() if said else torch.zeros(0)

    def rows(self, prediction: Prediction, schema: Schema, most: int | None = None) -> PredictionRows:
        read = np.array([*texts(prediction.decision, schema), ""], dtype=object)[:-1]  # an array of texts, if empty
        columns: dict[str, Any] = {"prediction": read}
        confidence = None if prediction.confidence is None else prediction.confidence.float().numpy()
        return PredictionRows(
            read, columns if confidence is None else {**columns, "confidence": confidence}, confidence
        )

    def chance(self, metric: str, target: Tensor | None, schema: Schema) -> tuple[float, str] | None:
        return (0.0, "not one text read correctly") if metric == "acc" else None


KIND = TextTarget()
