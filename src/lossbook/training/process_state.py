"""What a run changes in its process is as it was when the run ends: the next one in that process finds no trace."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import torch


def _put_environment(before: Mapping[str, str]) -> None:
    for name in os.environ.keys() - before.keys():
        del os.environ[name]
    for name, value in before.items():
        if os.environ.get(name) != value:  # other threads read it meanwhile
            os.environ[name] = value


# what a run, Lightning or the user's own code may switch: how to ask for it, and how to put it back
_SWITCHES: tuple[tuple[Callable[[], Any], Callable[[Any], Any]], ...] = (
    (torch.get_num_threads, torch.set_num_threads),
    (torch.get_default_dtype, torch.set_default_dtype),
    (torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
    (torch.is_anomaly_enabled, torch.autograd.set_detect_anomaly),
    (
        lambda: (torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()),
        lambda before: torch.use_deterministic_algorithms(before[0], warn_only=before[1]),
    ),
    (lambda: torch.backends.cudnn.benchmark, lambda before: setattr(torch.backends.cudnn, "benchmark", before)),
    (lambda: torch.backends.cudnn.deterministic, lambda before: setattr(torch.backends.cudnn, "deterministic", before)),
    (os.environ.copy, _put_environment),
    (os.getcwd, os.chdir),
    (sys.getrecursionlimit, sys.setrecursionlimit),
    (lambda: logging.root.level, logging.root.setLevel),
    (lambda: logging.root.manager.disable, logging.disable),
)


_UNKNOWN = object()


@contextmanager
def restored_process_state(compiled: bool = False) -> Iterator[None]:
    """Puts back the environment, the working folder, warnings and the switches of torch's and Python's.

    ``compiled``: the run compiles its model; what ``torch.compile`` keeps of that is dropped, with all else that this
    process has compiled (it is compiled again when it is used).

    Random generators are not put back, every run seeds its own; signal handlers and loggers' levels are put back where
    they are changed.
    """
    before = [_asked(ask) for ask, _ in _SWITCHES]
    try:
        with warnings.catch_warnings():
            yield
    finally:
        for (ask, put), value in zip(_SWITCHES, before, strict=True):
            if value is not _UNKNOWN and _asked(ask) != value:
                with suppress(Exception):  # a run that has ended well does not fail for this
                    put(value)
        if compiled:
            torch.compiler.reset()


def _asked(ask: Callable[[], Any]) -> Any:
    """Some cannot be told: a working folder that is gone, a precision that was set by torch's old and new calls."""
    with suppress(Exception):
        return ask()
    return _UNKNOWN
