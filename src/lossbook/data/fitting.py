"""Which options fit which data: what a data module refuses, with the fix."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lossbook.data.mixing import Mixing
from lossbook.data.ranges import KEYS
from lossbook.data.schema import Schema
from lossbook.errors import Problem
from lossbook.targets import KINDS

if TYPE_CHECKING:
    from torch import nn


def option_problems(batch_size: Any, views: Any, limit: Any, num_workers: Any, in_memory: bool) -> Iterator[Problem]:
    """What is wrong with the numbers, whatever the data."""
    given = {"batch_size": batch_size, "views": views, "limit": limit, "num_workers": num_workers}
    found = [KEYS[f"data.{key}"](f"data.{key}", value) for key, value in given.items()]
    yield from (problem for problem in found if problem is not None)
    if in_memory and isinstance(num_workers, int) and num_workers and found[-1] is None:
        yield Problem(
            f"data.num_workers={num_workers}",
            "This data is held in memory and indexed a batch at a time: workers have no effect.",
            "data.num_workers=0",
        )


def augment_problems(schema: Schema, augment: Sequence[nn.Module], views: int) -> Iterator[Problem]:
    """What is wrong with the augmentation and the views for data of this schema."""
    if views != 1 and not augment:
        yield Problem(
            f"data.views={views} data.augment=null",
            "Views are augmented copies of a sample; without augmentation they are all the same.",
            "data.views=1, or a list for data.augment as in data=digit_views",
        )
    for kind in (KINDS[one.target] for one in schema.heads.values()):
        if views != 1 and not kind.views:
            rule = "Several views are made of data with classes or without targets."
            yield Problem(f"data.views={views} for {kind.name} targets", rule, "data.views=1")
    for module in augment:
        yield from _module_problems(schema, module)


def _module_problems(schema: Schema, module: nn.Module) -> Iterator[Problem]:
    name = type(module).__name__
    if type(module).__module__.startswith("torchvision."):
        yield Problem(
            f"data.augment: {name}",
            "torchvision's transforms draw one set of numbers for a whole batch.",
            f"{{_target_: lossbook.data.augment.EachSample, transform: {{_target_: torchvision...{name}}}}}",
        )
        return
    if schema.vocabulary is not None:
        yield Problem(
            f"data.augment: {name}",
            "It changes numbers; these inputs are tokens, whose neighbours mean something else.",
            "data.augment=null",
        )
    elif schema.categories:
        yield Problem(
            f"data.augment: {name}",
            "It changes numbers, and some of these columns hold the indices of categories.",
            "data.augment=null",
        )
    elif len(schema.input_shape) != 3 and name != "GaussianNoise":
        yield Problem(
            f"data.augment: {name}",
            f"It changes images (channels, height, width); these inputs have shape {schema.input_shape}.",
            "data.augment=null, or lossbook.data.augment.GaussianNoise",
        )
    elif len(schema.input_shape) != 3:
        return
    elif schema.input_shape[0] not in (channels := getattr(module, "channels", schema.input_shape[:1])):
        yield Problem(
            f"data.augment: {name}",
            f"It changes images of {' or '.join(map(str, channels))} channels; these have {schema.input_shape[0]}.",
            "leave it out; Affine, ResizedCrop and GaussianNoise take any number",
        )
    elif getattr(module, "geometric", True):
        for kind in (KINDS[one.target] for one in schema.heads.values()):
            if kind.bound_to_pixels and not (kind.moves and hasattr(module, "change")):
                can = "" if hasattr(module, "change") else ", or a class derived from lossbook.data.augment.Geometric"
                yield Problem(
                    f"data.augment: {name} for {kind.name} targets",
                    f"It moves pixels, but the target holds {kind.bound_to_pixels}, which would stay behind.",
                    f"leave it out; GaussianNoise and BrightnessContrast fit{can if kind.moves else ''}",
                )


def mixing_problems(schema: Schema, mixing: Mixing) -> Iterator[Problem]:
    """What is wrong with mixed samples for inputs of this shape."""
    if mixing and schema.vocabulary is not None:
        key = "mixup" if mixing.mixup is not None else "cutmix"
        yield Problem(f"data.{key}", "Tokens have nothing between two of them.", f"data.{key}=null")
    elif mixing.cutmix is not None and len(schema.input_shape) != 3:
        yield Problem(
            f"data.cutmix={mixing.cutmix}",
            f"It cuts boxes out of images (channels, height, width); these inputs have shape {schema.input_shape}.",
            "data.cutmix=null, or data.mixup, which sums any numbers",
        )


def border_problems(augment: Sequence[nn.Module], ignored: Mapping[str, int | None]) -> Iterator[Problem]:
    """What is wrong with augmentation that shows places outside of an image, whose labels a loss would have to ignore.

    Args:
        augment: modules that move pixels, among others.
        ignored: the label that a loss ignores, for the targets that follow the pixels.
    """
    if all(label is not None for label in ignored.values()):
        return
    for module in augment:
        if getattr(module, "borders", False):
            yield Problem(
                f"data.augment: {type(module).__name__} for mask targets",
                "It shows places outside of the image, which have no class, and this loss ignores none.",
                "HorizontalFlip and ResizedCrop, or a loss with ignore_index, such as cross_entropy",
            )
