"""What a config may build: a user's own config anything, one from a checkpoint only classes known to be safe.

A checkpoint is a file that people pass on. Its config holds names, and building what a name refers to runs code. That a
class comes from torch is not enough: ``torch.fx.GraphModule`` compiles its argument, and torchmetrics' ``CLIPScore``
downloads a model and runs the code that comes with it. So the modules that are safe are listed.
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

# Functions, and classes of Lightning, that a checkpoint may name, by their exact paths.
BY_NAME = frozenset(
    [f"torch.nn.functional.{name}" for name in _LOSSES]
    + ["torchvision.ops.sigmoid_focal_loss"]
    + [f"lightning.pytorch.callbacks.{name}" for name in _CALLBACKS]
    + ["lightning.pytorch.loggers.CSVLogger", "lightning.pytorch.loggers.TensorBoardLogger"]
)

# Modules whose networks, criteria, optimizers, schedulers, metrics and transforms a checkpoint may name. Of
# torchmetrics those that compare scores with targets; many others (audio, image, multimodal, text) download models.
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

# Classes of which what is defined there must be one; metrics and transforms are Modules.
KINDS = (
    "torch.nn.modules.module.Module",
    "torch.optim.optimizer.Optimizer",
    "torch.optim.lr_scheduler.LRScheduler",
    "lightning.pytorch.callbacks.callback.Callback",
    "lightning.pytorch.loggers.logger.Logger",
    "lossbook.data.source.Source",
    "lossbook.tasks.task.Task",
)

# Modules within these that load or run what a name points to.
NOT_IN = ("torchvision.models.feature_extraction",)  # compiles graphs

_REEXPORTS = ("torch.nn", "torchmetrics")  # packages through which the modules above are usually named
_NAME = re.compile(r"[A-Za-z]\w*(\.[A-Za-z]\w*)+", re.ASCII)  # no private names: lossbook.__main__, x.__globals__


@dataclass(frozen=True)
class Trust:
    """What a config may build.

    Args:
        names: dotted paths that the user trusts, beside what is safe; None: every path, because the user wrote the
            config. The default is for a config that came from elsewhere.
        folder: a folder whose modules the user trusts, too.
    """

    names: tuple[str, ...] | None = ()
    folder: Path | None = None

    def __post_init__(self) -> None:
        assert not isinstance(self.names, str), "names of paths, not one name"

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Trust:
        """Return what a run's config may build: with ``ckpt``, what is safe and what the user names in ``trust``.

        Raises:
            UserError: the environment variable ``LOSSBOOK_TRUST`` has a value other than ``own``.
        """
        if config.get("ckpt") is None:
            return OWN_CONFIG
        names = config.get("trust") or ()
        return cls((names,) if isinstance(names, str) else tuple(names), _own_folder(Path(config["ckpt"])))

    def check_names(self, config: Any) -> None:
        """Refuse every ``_target_`` in a plain nested config that must not be built, before anything is imported.

        Raises:
            UserError: names all that are not allowed, and the argument that allows them.
        """
        if unknown := self.unknown(config):
            raise self._refusal(*unknown)

    def unknown(self, config: Any) -> list[str]:
        """Return every ``_target_`` in a plain nested config that must not be built, sorted."""
        return sorted({str(path) for path in _targets(config) if not self._admits(path)})

    def check_object(self, path: str, found: Any) -> None:
        """Refuse what an allowed path refers to unless it is a class of a safe kind, defined in a safe module.

        Raises:
            UserError: ``found`` is a function, a class of another kind, or defined elsewhere.
        """
        if self.names is None or path in self.names or path in BY_NAME:
            return
        if self._is_own(path):
            safe = self._is_own(str(getattr(found, "__module__", "")))  # not something that its module imports
        else:
            safe = isinstance(found, type) and _in_safe_module(found.__module__) and _of_safe_kind(found)
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
        return package in _REEXPORTS or _in_safe_module(package)

    def _is_own(self, path: str) -> bool:
        """Return whether a dotted path starts with a module of the trusted folder."""
        top = path.partition(".")[0]
        if self.folder is None or not top.isidentifier():
            return False
        places = (self.folder / top / "__init__.py", self.folder / f"{top}.py")
        there = next((place for place in places if place.is_file()), None)
        found = importlib.util.find_spec(top) if there else None  # another module of that name may come first
        return there is not None and found is not None and Path(found.origin or "").resolve() == there.resolve()

    def _refusal(self, *paths: Any) -> UserError:
        named = ",".join(map(str, [*(self.names or ()), *paths]))
        return refuse(
            f"The checkpoint's config asks for {', '.join(map(str, paths))}.",
            "A name can run any code: by default a checkpoint builds only safe classes of lossbook and torch.",
            f"if you know and trust it: {shlex.quote(f'+trust=[{named}]')}",
        )


OWN_CONFIG = Trust(None)
"""For a config that its user wrote."""


def _own_folder(ckpt: Path) -> Path | None:
    """Return the working folder if ``LOSSBOOK_TRUST=own`` and the checkpoint is the user's own, in its ``outputs``."""
    setting = os.environ.get("LOSSBOOK_TRUST")
    if not setting:
        return None
    if setting != "own":
        rule = "It must be 'own': checkpoints in outputs may then build what modules of the working folder define."
        raise refuse(f"LOSSBOOK_TRUST={setting}", rule, "LOSSBOOK_TRUST=own, or unset it")
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


def _in_safe_module(module: str) -> bool:
    return _within(module, DEFINED_IN) and not _within(module, NOT_IN)


def _within(module: str, modules: tuple[str, ...]) -> bool:
    return any(module == safe or module.startswith(f"{safe}.") for safe in modules)


def _of_safe_kind(found: type) -> bool:
    return any(f"{kind.__module__}.{kind.__qualname__}" in KINDS for kind in found.__mro__)
