"""Which options fit which data: what a data module refuses, with the fix."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

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
    elif len(schema.input_shape) != 3 and name != "GaussianNoise":
        yield Problem(
            f"data.augment: {name}",
            f"It changes images (channels, height, width); these inputs have shape {schema.input_shape}.",
            "data.augment=null, or lossbook.data.augment.GaussianNoise",
        )
    elif getattr(module, "geometric", True):
        for kind in (KINDS[one.target] for one in schema.heads.values()):
            if kind.bound_to_pixels:
                yield Problem(
                    f"data.augment: {name} for {kind.name} targets",
                    f"It moves pixels, but the target holds {kind.bound_to_pixels}, which would stay behind.",
                    "leave it out; GaussianNoise and BrightnessContrast fit",
                )
