"""Whether targets keep what their kind promises: ranges, whole numbers, lengths."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from lossbook.data.schema import Schema
from lossbook.errors import UserError, refuse

Batch = Mapping[str, Any]


def check_targets(batch: Batch, schema: Schema, where: str, ignore_index: int | None = None) -> None:
    """Check every target value of a batch, or of a whole part.

    Args:
        batch: with ``target`` and, for text, ``target_lengths``.
        schema: what the data promises.
        where: named in the message, e.g. ``"batch 7 of the training part"``.
        ignore_index: a class index that the loss passes over, allowed beside the classes.

    Raises:
        UserError: naming the first offending sample and its value.
    """
    check = _CHECKS.get(schema.target)
    if check is None:  # triplet and none have no target
        return
    if "target" not in batch:
        raise refuse(f"{_upper(where)} has no 'target'.", f"Data of the kind '{schema.target}' gives one.")
    shape, promised = tuple(batch["target"].shape), _shape(schema)
    if len(shape) != len(promised) or any(isinstance(p, int) and n != p for n, p in zip(shape, promised, strict=True)):
        raise refuse(
            f"{_upper(where)} holds a target of shape {shape}.",
            f"Targets of the kind '{schema.target}' have the shape ({', '.join(map(str, promised))}"
            f"{',' if len(promised) == 1 else ''}) here; torch would broadcast others in silence.",
            "mend the data",
        )
    check(batch, schema, where, ignore_index)


def _shape(schema: Schema) -> tuple[str | int, ...]:
    """The sizes of a target, a letter where a size is free."""
    shapes: dict[str, tuple[str | int, ...]] = {
        "multilabel": ("N", schema.classes or "C"),
        "distribution": ("N", schema.classes or "C"),
        "value": ("N", schema.width or "W"),
        "count": ("N", schema.width or "W"),
        "mask": ("N", "H", "W"),
        "text": ("N", "S"),
    }
    return shapes.get(schema.target, ("N",))


def _class(batch: Batch, schema: Schema, where: str, ignore_index: int | None) -> None:
    target = batch["target"]
    assert schema.classes
    if target.is_floating_point() or target.is_complex():
        raise refuse(
            f"{_upper(where)} holds class targets of type {_dtype(target)}.",
            "A class is a whole number (int64).",
            "target.long()",
        )
    if target.numel() == 0:
        return
    low, high = (int(v) for v in torch.aminmax(target))
    if low >= 0 and high < schema.classes:
        return
    target = target.long()  # bytes wrap around: -100 would be 156
    wrong = (target < 0) | (target >= schema.classes)
    if ignore_index is not None:
        wrong &= target != ignore_index
    if wrong.any():
        extra = f" or {ignore_index} (ignored)" if ignore_index is not None else ""
        raise _refuse_at(wrong, target, where, f"A class index lies in 0..{schema.classes - 1}{extra}.")


def _multilabel(batch: Batch, schema: Schema, where: str, ignore_index: int | None) -> None:
    target = batch["target"]
    wrong = (target != 0) & (target != 1)
    if wrong.any():
        raise _refuse_at(wrong, target, where, "A multilabel target is a vector of 0 (absent) and 1 (present).")


def _value(batch: Batch, schema: Schema, where: str, ignore_index: int | None) -> None:
    target = batch["target"]
    wrong = ~torch.isfinite(target)
    if wrong.any():
        raise _refuse_at(wrong, target, where, "A value is finite.", "fill or drop such records")


def _count(batch: Batch, schema: Schema, where: str, ignore_index: int | None) -> None:
    target = batch["target"]
    wrong = target < 0
    if target.is_floating_point():
        wrong |= (target != target.round()) | target.isinf()
    if wrong.any():
        raise _refuse_at(wrong, target, where, "A count is a whole number, 0 or more.")


def _distribution(batch: Batch, schema: Schema, where: str, ignore_index: int | None) -> None:
    target = batch["target"]
    wrong = ~(target >= 0)
    if wrong.any():
        raise _refuse_at(wrong, target, where, "A probability is 0 or more.")
    sums = target.sum(dim=1)
    wrong = (sums - 1).abs() > 1e-3
    if wrong.any():
        raise _refuse_at(wrong, sums, where, "The probabilities of a sample sum to 1.", "divide each row by its sum")


def _text(batch: Batch, schema: Schema, where: str, ignore_index: int | None) -> None:
    if "target_lengths" not in batch:
        raise refuse(f"{_upper(where)} has no 'target_lengths'.", "Data of the kind 'text' gives the length of each.")
    target, lengths = batch["target"], batch["target_lengths"]
    if target.is_floating_point():
        raise refuse(f"{_upper(where)} holds text of type {_dtype(target)}.", "A symbol is a whole number (int64).")
    wrong = (lengths < 0) | (lengths > target.shape[1])
    if wrong.any():
        raise _refuse_at(
            wrong, lengths, where, f"A text's length lies in 0..{target.shape[1]}, the width of the batch."
        )
    within = torch.arange(target.shape[1], device=target.device) < lengths[:, None]
    wrong = within & ((target < 0) | (target >= (schema.classes or 0)))
    if wrong.any():
        raise _refuse_at(
            wrong, target, where, f"A symbol lies in 0..{(schema.classes or 0) - 1}; the blank is not among them."
        )


def _pair(batch: Batch, schema: Schema, where: str, ignore_index: int | None) -> None:
    target = batch["target"]
    wrong = (target != 0) & (target != 1)
    if wrong.any():
        raise _refuse_at(wrong, target, where, "A pair's target is 1 (same) or 0 (different).")


_CHECKS: Mapping[str, Callable[[Batch, Schema, str, int | None], None]] = {
    "class": _class,
    "mask": _class,
    "multilabel": _multilabel,
    "value": _value,
    "count": _count,
    "distribution": _distribution,
    "text": _text,
    "pair": _pair,
}


def _refuse_at(wrong: Tensor, target: Tensor, where: str, rule: str, fix: str = "mend the data") -> UserError:
    """The error that names the first wrong value and how many there are."""
    first = tuple(int(i) for i in wrong.nonzero()[0])
    value = target[first].item()
    others = int(wrong.sum()) - 1
    more = f" (and {others} more)" if others else ""
    return refuse(f"{_upper(where)}, sample {first[0]}: the target holds {value:g}{more}.", rule, fix)


def _dtype(target: Tensor) -> str:
    return str(target.dtype).removeprefix("torch.")


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
