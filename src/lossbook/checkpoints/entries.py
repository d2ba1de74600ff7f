"""Composable checks of the entries of a file from elsewhere, which yield what is wrong with them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from lossbook.errors import refuse

Check = Callable[[Any, str], Iterator[str]]
"""Takes a value and the name of its entry (``loops.fit_loop``), and yields what is wrong with it, a sentence each."""

MOST = 2**53  # the largest count: no run has as many steps


def require(value: Any, check: Check) -> None:
    """Check a state, and raise what is wrong with it.

    Raises:
        UserError: the check yields something.
    """
    if found := " ".join(check(value, "")):
        raise refuse("A checkpoint's state cannot be loaded.", found, "another checkpoint, or train anew")


def whole(value: Any, entry: str) -> Iterator[str]:
    """Check for a count."""
    if type(value) is not int or not 0 <= value <= MOST:
        yield _wrong(value, entry, "a whole number, 0 or more")


def number(value: Any, entry: str) -> Iterator[str]:
    """Check for an int or a float, which may be nan or infinite."""
    if type(value) not in (int, float) or (isinstance(value, int) and abs(value) > MOST):
        yield _wrong(value, entry, "a number")


def finite(value: Any, entry: str) -> Iterator[str]:
    """Check for a number that is neither nan nor infinite."""
    if [*number(value, entry)] or not math.isfinite(value):
        yield _wrong(value, entry, "a finite number")


def flag(value: Any, entry: str) -> Iterator[str]:
    """Check for True or False."""
    if type(value) is not bool:
        yield _wrong(value, entry, "true or false")


def text(value: Any, entry: str) -> Iterator[str]:
    """Check for a string."""
    if type(value) is not str:
        yield _wrong(value, entry, "a string")


def tensor(value: Any, entry: str) -> Iterator[str]:
    """Check for a tensor."""
    if not isinstance(value, Tensor):
        yield _wrong(value, entry, "a tensor")


def anything(value: Any, entry: str) -> Iterator[str]:
    """Accept any value."""
    return iter(())


def optional(check: Check) -> Check:
    """Check for None, or what another check accepts."""
    return lambda value, entry: iter(()) if value is None else check(value, entry)


def each(check: Check, keys: type | tuple[type, ...] | None = None) -> Check:
    """Check each item of a list, or with ``keys`` each value of a mapping whose keys are of these types."""

    def checked(value: Any, entry: str) -> Iterator[str]:
        if keys is None and isinstance(value, list | tuple):
            for place, item in enumerate(value):
                yield from check(item, f"{entry}[{place}]")
        elif keys is not None and isinstance(value, Mapping) and all(isinstance(key, keys) for key in value):
            for key, item in value.items():
                yield from check(item, f"{entry}.{key}")
        else:
            yield _wrong(value, entry, "a list" if keys is None else "a mapping")

    return checked


def entries(wanted: Mapping[str, Check], known: Mapping[str, Check] | None = None) -> Check:
    """Check a mapping that must have the entries of ``wanted``, and may have those of ``known`` and others."""

    def checked(value: Any, entry: str) -> Iterator[str]:
        if not isinstance(value, Mapping):
            yield _wrong(value, entry, "a mapping")
            return
        inside = f"{entry}." if entry else ""
        yield from (f"{inside}{name} is missing." for name in wanted if name not in value)
        for name, check in {**wanted, **(known or {})}.items():
            if name in value:
                yield from check(value[name], f"{inside}{name}")

    return checked


def pair(first: Check, second: Check) -> Check:
    """Check a list of two items."""

    def checked(value: Any, entry: str) -> Iterator[str]:
        if not isinstance(value, list | tuple) or len(value) != 2:
            yield _wrong(value, entry, "a list of two")
            return
        yield from first(value[0], f"{entry}[0]")
        yield from second(value[1], f"{entry}[1]")

    return checked


def like(own: Any) -> Check:
    """Check that a value has the structure of ``own``, from a new state: same keys, shapes and types of values.

    A tensor must be finite where ``own`` has no infinity or nan, a number where ``own`` is finite; counts must not be
    negative.
    """

    def checked(value: Any, entry: str) -> Iterator[str]:
        if isinstance(own, Tensor):
            yield from tensor_like(own)(value, entry)
        elif isinstance(own, Mapping):
            yield from entries({str(key): like(inner) for key, inner in own.items()})(value, entry)
        elif isinstance(own, list | tuple):
            if not isinstance(value, list | tuple) or len(value) != len(own):
                yield _wrong(value, entry, f"a list of {len(own)}")
                return
            for place, (item, inner) in enumerate(zip(value, own, strict=True)):
                yield from like(inner)(item, f"{entry}[{place}]")
        elif type(own) is int:
            yield from (whole if own >= 0 else number)(value, entry)
        elif type(own) is float:
            yield from (finite if math.isfinite(own) else number)(value, entry)
        elif own is not None and type(value) is not type(own):
            yield _wrong(value, entry, f"a {type(own).__name__}")

    return checked


def tensor_like(own: Tensor) -> Check:
    """Check for a tensor with the shape and dtype of ``own``; a floating-point one may have any precision."""

    def checked(value: Any, entry: str) -> Iterator[str]:
        if not isinstance(value, Tensor) or _layout(value) != _layout(own):
            yield _wrong(value, entry, described(own))
        elif value.shape != own.shape or _kind(value) != _kind(own):
            yield f"{entry} is {described(value)}; it must be {described(own)}."
        elif not no_nan(value, own):
            yield f"{entry} holds nan or infinite values."

    return checked


def described(value: Tensor) -> str:
    """Return a tensor's shape and dtype as text."""
    layout = "" if _layout(value) == "dense" else f", {_layout(value)}"
    return f"{tuple(value.shape)} {str(value.dtype).removeprefix('torch.')}{layout}"


def no_nan(value: Tensor, own: Tensor) -> bool:
    """Return whether a tensor, cast to the dtype of ``own``, is finite as far as ``own`` itself is."""
    if not (value.is_floating_point() or value.is_complex()) or _layout(value) != "dense" or not value.numel():
        return True
    cast = value.detach().to(own.dtype)
    return bool(cast.isfinite().all()) or (bool(not own.isfinite().all()) and not bool(cast.isnan().any()))


def _layout(value: Tensor) -> str:
    if value.is_meta:
        return "without values"
    if value.is_quantized:
        return "quantized"
    return "dense" if value.layout is torch.strided else "sparse"


def _kind(value: Tensor) -> Any:
    return "floating-point" if value.is_floating_point() else value.dtype


def _wrong(value: Any, entry: str, wanted: str) -> str:
    return f"{entry or 'It'} is {_given(value)}; it must be {wanted}."


def _given(value: Any) -> str:
    if isinstance(value, Tensor):
        return described(value)
    if isinstance(value, Mapping | Sequence) and not isinstance(value, str | bytes):
        return f"a {type(value).__name__} of {len(value)}"
    shown = repr(value)
    return shown if len(shown) <= 40 else f"{shown[:37]}..."
