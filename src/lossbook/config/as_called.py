"""What Hydra sees of the process while it runs a script, and all as it was called in the meantime."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

_HYDRAS_LINE = "Error executing job with overrides:"


@contextmanager
def for_hydra(arguments: list[str]) -> Iterator[Callable[[], Any]]:
    """Lets Hydra see these arguments and raise its errors to us; gives a context in which all is as it was called."""
    ours = (arguments, "1", _WithoutHydrasLine(sys.stderr))
    theirs = (sys.argv, os.environ.get("HYDRA_FULL_ERROR"), sys.stderr)

    def put(state: tuple[list[str], str | None, Any]) -> None:
        sys.argv, full_error, sys.stderr = state
        if full_error is None:
            os.environ.pop("HYDRA_FULL_ERROR", None)
        else:
            os.environ["HYDRA_FULL_ERROR"] = full_error

    @contextmanager
    def as_called() -> Iterator[None]:
        put(theirs)
        try:
            yield
        finally:
            put(ours)

    put(ours)
    try:
        yield as_called
    finally:
        put(theirs)


class _WithoutHydrasLine:
    """A stream that leaves out Hydra's line about a job that failed, which we word ourselves."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        return len(text) if text.startswith(_HYDRAS_LINE) else self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
