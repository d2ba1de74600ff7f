"""What a run changes in its process is as it was when the run ends: the next one in that process finds no trace."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_SET_BY_LIGHTNING = ("PL_", "LIGHTNING_", "PYTORCH_", "CUBLAS_")
"""How the environment variables begin that seeding, a deterministic run and looking for GPUs leave behind."""


@contextmanager
def no_traces(compiled: bool = False) -> Iterator[None]:
    """Puts back the environment variables and torch's switches that a run sets and Lightning leaves.

    ``compiled``: the run compiles its model; what ``torch.compile`` keeps of that is dropped, with all else that this
    process has compiled (it is compiled again when it is used).

    Random generators are not put back, every run seeds its own; signal handlers, loggers' levels and warnings are put
    back where they are changed.
    """
    environment = _environment()
    threads = torch.get_num_threads()
    dtype = torch.get_default_dtype()
    deterministic = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    cudnn = torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic
    try:
        yield
    finally:
        for name in _environment().keys() - environment.keys():
            del os.environ[name]
        os.environ.update(environment)
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        torch.set_default_dtype(dtype)
        torch.use_deterministic_algorithms(deterministic[0], warn_only=deterministic[1])
        torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic = cudnn
        if compiled:
            torch.compiler.reset()


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith(_SET_BY_LIGHTNING)}
