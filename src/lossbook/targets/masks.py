"""A class a pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lossbook.targets.classes import Index, check_indices
from lossbook.targets.drawing import masks_beside_images, palette_image
from lossbook.targets.encoding import Measure, Prediction
from lossbook.targets.kind import Batch, TargetKind, class_counts, is_image
from lossbook.targets.rows import PredictionRows

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import Tensor
    from torchmetrics import Metric

    from lossbook.data.schema import Schema


class MaskIndex(Index):
    """The class indices as they are, (N, H, W) int64, for scores (N, C, H, W)."""

    calibrates = False  # pixels are many, and not independent

    def measures(self) -> dict[str, Measure]:
        from torchmetrics.classification import MulticlassAccuracy, MulticlassJaccardIndex

        classes = self.width
        kwargs: dict[str, Any] = {"validate_args": False, "ignore_index": self.ignore_index}
        return {
            "iou": Measure(
                MulticlassJaccardIndex(classes, average="macro", **kwargs),
                self._decided,
                train=True,
                hint="mean over the classes, of the whole part at once",
            ),
            "acc": Measure(
                MulticlassAccuracy(classes, average="micro", **kwargs), self._decided, train=True, hint="of the pixels"
            ),
        }

    def expected_shape(self, target: Tensor) -> tuple[int, ...]:
        return (target.shape[0], self.width, *target.shape[1:])


class MaskOneHot(MaskIndex):
    """A 0/1 plane a class, (N, C, H, W) float32."""

    def encode(self, target: Tensor) -> Tensor:
        from torch.nn import functional as F

        return F.one_hot(target, self.width).movedim(-1, 1).float()

    def for_each_class(self, weights: Tensor) -> Tensor:
        return weights[:, None, None]  # torch broadcasts from the last dimension; classes come two before it


class MaskTarget(TargetKind):
    """A class index a pixel."""

    name = "mask"
    promise = "a class index a pixel, (N, H, W) int64"
    output = "dense"
    bound_to_pixels = "a class for each pixel"
    class_axis = "index"
    encodings = {"index": MaskIndex, "one_hot": MaskOneHot}  # noqa: RUF012
    roles = {"single": "target"}  # noqa: RUF012

    def shape(self, schema: Schema) -> tuple[str | int, ...]:
        return "N", "H", "W"

    def check(self, batch: Batch, schema: Schema, where: str, ignore_index: int | None = None) -> None:
        check_indices(batch["target"], schema, where, ignore_index)

    def prepared(self, target: Tensor) -> Tensor:
        return target.long()

    def picture(self, batch: Batch, prediction: Prediction, schema: Schema) -> Figure | None:
        if not is_image(batch["input"]):
            return None
        return masks_beside_images(batch["input"], batch["target"], prediction.decision, schema.classes or 1)

    def confusion(self, schema: Schema, ignore_index: int | None = None) -> Metric | None:
        from torchmetrics.classification import MulticlassConfusionMatrix

        assert schema.classes
        return MulticlassConfusionMatrix(schema.classes, ignore_index=ignore_index, validate_args=False)

    def mistakes(self, prediction: Prediction, target: Tensor, schema: Schema) -> Tensor | None:
        """The share of wrong pixels."""
        counted = (target >= 0) & (target < (schema.classes or 0))
        wrong = ((prediction.decision != target) & counted).flatten(1).sum(1)
        return wrong / counted.flatten(1).sum(1).clamp_min(1)

    def rows(self, prediction: Prediction, schema: Schema, most: int | None = None) -> PredictionRows:
        masks = prediction.decision.numpy()
        images = [palette_image(mask) for mask in masks]
        if prediction.probability is None or prediction.confidence is None:
            return PredictionRows(masks, images=images)
        confidence = prediction.confidence.float()
        mean = confidence.flatten(1).mean(dim=1).numpy()
        return PredictionRows(
            masks, {"confidence": mean}, confidence.numpy(), prediction.probability.float().numpy(), images
        )

    def statistics(self, target: Tensor, schema: Schema) -> dict[str, Any]:
        return {"class_counts": class_counts(target, schema.classes)}


KIND = MaskTarget()
