"""An end to tracing that takes too long: expressions of free sizes may grow with each layer."""

from __future__ import annotations

import time
from typing import Any

from torch.overrides import TorchFunctionMode


class Deadline(TorchFunctionMode):
    """Raises ``TimeoutError`` at the first of torch's functions that is called within it after some seconds.

    Args:
        seconds: from now on.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._end = time.monotonic() + seconds

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if time.monotonic() > self._end:
            raise TimeoutError(f"{func} is called too late")
        return func(*args, **(kwargs or {}))
