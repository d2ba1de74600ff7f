"""How far a config is believed: its user's own may build anything, one out of a checkpoint only what is safe.

A checkpoint is a file that people pass on. Its config holds names, and to build what a name means is to run code. It is
not enough that a class comes from torch: ``torch.fx.GraphModule`` compiles what it is given, and torchmetrics' own
``CLIPScore`` downloads a model and runs the code that comes with it. So what is safe is listed, room by room.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lossbook.errors import UserError, refuse

_LOSSES = (
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "cosine_embedding_loss", "cross_entropy",
    "ctc_loss", "gaussian_nll_loss", "hinge_embedding_loss", "huber_loss", "kl_div", "l1_loss",
    "margin_ranking_loss", "mse_loss", "multi_margin_loss", "multilabel_margin_loss", "multilabel_soft_margin_loss",
    "nll_loss", "poisson_nll_loss", "smooth_l1_loss", "soft_margin_loss", "triplet_margin_loss",
)  # fmt: skip
_CALLBACKS = (
    "DeviceStatsMonitor", "EarlyStopping", "GradientAccumulationScheduler", "LearningRateMonitor", "ModelSummary",
    "RichModelSummary", "RichProgressBar", "StochasticWeightAveraging", "TQDMProgressBar", "Timer",
)  # fmt: skip

# Functions, and classes of Lightning's, that a checkpoint may name exactly so.
BY_NAME = frozenset(
    [f"torch.nn.functional.{name}" for name in _LOSSES]
    + ["torchvision.ops.sigmoid_focal_loss"]
    + [f"lightning.pytorch.callbacks.{name}" for name in _CALLBACKS]
    + ["lightning.pytorch.loggers.CSVLogger", "lightning.pytorch.loggers.TensorBoardLogger"]
)

# Modules whose networks, criteria, optimizers, schedulers, metrics and transforms a checkpoint may name.
DEFINED_IN = (
    "lossbook",
    "torch.nn.modules",
    "torch.optim",
    "torchvision.models",
    "torchvision.ops",
    "torchvision.transforms.v2",
    "torchmetrics.classification",
    "torchmetrics.clustering",
    "torchmetrics.nominal",
    "torchmetrics.regression",
    "torchmetrics.segmentation",
    "torchmetrics.shape",
    "torchmetrics.wrappers",
)

# Rooms of these that load or run what a name points to.
NOT_IN = ("torchvision.models.feature_extraction",)  # graphs of code

_REEXPORTS = ("torch.nn", "torchmetrics")  # packages through which the modules above are usually named
_NAME = re.compile(r"[A-Za-z]\w*(\.[A-Za-z]\w*)+", re.ASCII)  # nothing private: no lossbook.__main__, no x.__globals__


@dataclass(frozen=True)
class Trust:
    """What a config may build.

    Args:
        names: dotted paths that the user vouches for, beside what is safe; None: every path, because the user wrote
            the config. The default is for a config that came from elsewhere.
        folder: whose modules the user vouches for, too.
    """

    names: tuple[str, ...] | None = ()
    folder: Path | None = None

    def __post_init__(self) -> None:
        assert not isinstance(self.names, str), "names of paths, not one name"

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Trust:
        """Whose config it is decides: one out of a checkpoint is a stranger's, and ``trust`` in it the user's word.

        Raises:
            UserError: the environment variable ``LOSSBOOK_TRUST`` has another value than ``own``.
        """
        if config.get("ckpt") is None:
            return OWN_CONFIG
        names = config.get("trust") or ()
        return cls((names,) if isinstance(names, str) else tuple(names), _own_folder(Path(config["ckpt"])))

    def check_names(self, config: Any) -> None:
        """Refuse, before anything is imported, every ``_target_`` in a plain nested config that must not be built.

        Raises:
            UserError: names all that are not allowed, with the word that the user may give for them.
        """
        if unknown := self.unknown(config):
            raise self._refusal(*unknown)

    def unknown(self, config: Any) -> list[str]:
        """Every ``_target_`` in a plain nested config that must not be built."""
        return sorted({str(path) for path in _targets(config) if not self._admits(path)})

    def check_object(self, path: str, found: Any) -> None:
        """Refuse what an allowed name turned out to mean, where that is no class of the safe kinds and places.

        Raises:
            UserError: ``found`` is a function, a class of another kind, or one defined elsewhere.
        """
        if self.names is None or path in self.names or path in BY_NAME:
            return
        if self._is_own(path):
            safe = self._is_own(str(getattr(found, "__module__", "")))  # not what its module has imported
        else:
            safe = isinstance(found, type) and _safe_room(found.__module__) and issubclass(found, _kinds())
        if not safe:
            raise self._refusal(path)

    def _admits(self, path: Any) -> bool:
        if self.names is None:
            return True
        if not isinstance(path, str):
            return False
        if path in self.names or path in BY_NAME or self._is_own(path):
            return True
        if not _NAME.fullmatch(path):
            return False
        package = path.rpartition(".")[0]
        return package in _REEXPORTS or _safe_room(package)

    def _is_own(self, path: str) -> bool:
        """Whether what a dotted path begins with is a module of the folder."""
        top = path.partition(".")[0]
        if self.folder is None or not top.isidentifier():
            return False
        places = (self.folder / top / "__init__.py", self.folder / f"{top}.py")
        there = next((place for place in places if place.is_file()), None)
        found = importlib.util.find_spec(top) if there else None  # another of that name may come first
        return there is not None and found is not None and Path(found.origin or "").resolve() == there.resolve()

    def _refusal(self, *paths: Any) -> UserError:
        named = ",".join(map(str, [*(self.names or ()), *paths]))
        return refuse(
            f"The checkpoint's config asks for {', '.join(map(str, paths))}.",
            "A name can run any code: unasked, a checkpoint builds safe classes of lossbook and torch alone.",
            f"if you know and trust it: {shlex.quote(f'+trust=[{named}]')}",
        )


# For a config that its user wrote.
OWN_CONFIG = Trust(None)


def _own_folder(ckpt: Path) -> Path | None:
    """The working folder, where its user trusts own modules with own runs: those that lie in its ``outputs``."""
    setting = os.environ.get("LOSSBOOK_TRUST")
    if not setting:
        return None
    if setting != "own":
        rule = "It says that checkpoints in outputs may build what modules of the working folder define."
        raise refuse(f"LOSSBOOK_TRUST={setting}", rule, "LOSSBOOK_TRUST=own, or leave it out")
    here = Path.cwd().resolve()
    inside = ckpt.is_file() and ckpt.resolve().is_relative_to(here / "outputs")
    mine = inside and (not hasattr(os, "getuid") or ckpt.stat().st_uid == os.getuid())
    return here if mine else None


def _targets(config: Any) -> Iterator[Any]:
    if isinstance(config, Mapping):
        if config.get("_target_") is not None:  # null: nothing is built
            yield config["_target_"]
        config = list(config.values())
    if isinstance(config, (list, tuple)):
        for value in config:
            yield from _targets(value)


def _safe_room(module: str) -> bool:
    return _within(module, DEFINED_IN) and not _within(module, NOT_IN)


def _within(module: str, rooms: tuple[str, ...]) -> bool:
    return any(module == room or module.startswith(f"{room}.") for room in rooms)


def _kinds() -> tuple[type, ...]:
    from lightning.pytorch import Callback
    from lightning.pytorch.loggers import Logger
    from torch.nn import Module
    from torch.optim import Optimizer
    from torch.optim.lr_scheduler import LRScheduler

    from lossbook.data.source import Source

    return (Module, Optimizer, LRScheduler, Callback, Logger, Source)  # metrics and v2 transforms are Modules
