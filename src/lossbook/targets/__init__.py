"""Target kinds: one file each, found by what it defines. ``KINDS`` holds them by name; no torch at import."""

from __future__ import annotations

import importlib
import pkgutil

from lossbook.targets.kind import TargetKind


def _found() -> dict[str, TargetKind]:
    modules = (importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__))
    kinds = (module.KIND for module in modules if hasattr(module, "KIND"))
    return {kind.name: kind for kind in kinds}


KINDS = _found()
