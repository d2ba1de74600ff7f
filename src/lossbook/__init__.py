"""PyTorch Lightning training recipes in which the loss and the optimizer are a choice on the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lossbook.config.compose import compose
    from lossbook.prediction.predictor import load
    from lossbook.training.evaluate import evaluate
    from lossbook.training.train import train

__all__ = ["compose", "evaluate", "load", "train"]

_WHERE = {
    "compose": "lossbook.config.compose",
    "evaluate": "lossbook.training.evaluate",
    "load": "lossbook.prediction.predictor",
    "train": "lossbook.training.train",
}


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> Any:
    """Imports what is asked for when it is asked for, so that composing a config does not wait for torch."""
    if name not in _WHERE:
        raise AttributeError(f"module 'lossbook' has no attribute {name!r}; it has {', '.join(__all__)}")
    from importlib import import_module

    return getattr(import_module(_WHERE[name]), name)
