"""Restore what a run changes in its process, so that the next run in it is not affected."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import torch


def _set_environment(before: Mapping[str, str]) -> None:
    for name in os.environ.keys() - before.keys():
        del os.environ[name]
    for name, value in before.items():
        if os.environ.get(name) != value:  # other threads may read it meanwhile
            os.environ[name] = value


# what a run, Lightning or the user's code may change: a getter and a setter each
_SETTINGS: tuple[tuple[Callable[[], Any], Callable[[Any], Any]], ...] = (
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
    (os.environ.copy, _set_environment),
    (os.getcwd, os.chdir),
    (sys.getrecursionlimit, sys.setrecursionlimit),
    (lambda: logging.root.level, logging.root.setLevel),
    (lambda: logging.root.manager.disable, logging.disable),
)


_UNKNOWN = object()


@contextmanager
def restored_process_state(compiled: bool = False) -> Iterator[None]:
    """Restore the environment, the working folder, warnings and global settings of torch and Python at the end.

    Random number generators are not restored: every run seeds its own. Signal handlers and levels of loggers are
    restored where they are changed.

    Args:
        compiled: the run compiles its model. What ``torch.compile`` has cached in this process is dropped then.
    """
    before = [_value(getter) for getter, _ in _SETTINGS]
    try:
        with warnings.catch_warnings():
            yield
    finally:
        for (getter, setter), value in zip(_SETTINGS, before, strict=True):
            if value is not _UNKNOWN and _value(getter) != value:
                with suppress(Exception):  # a run that succeeded does not fail for this
                    setter(value)
        if compiled:
            torch.compiler.reset()


def _value(getter: Callable[[], Any]) -> Any:
    """Return a setting; unknown are a removed working folder, and a precision set by torch's old and new functions."""
    with suppress(Exception):
        return getter()
    return _UNKNOWN
