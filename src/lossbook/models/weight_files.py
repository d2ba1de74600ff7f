"""Read weights from a file as tensors alone: no code in it runs, and nothing is downloaded."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lossbook.checkpoints.structure import ENTRY
from lossbook.errors import refuse

# keys under which training scripts keep the state dict of a network
_WRAPPED_IN = ("state_dict", "model_state_dict", "model_state", "model", "network", "net")
_OF_A_RUN = ("checkpoints/best.ckpt", "checkpoints/last.ckpt", "best.ckpt", "last.ckpt")
_FIX = "a file of torch.save(network.state_dict(), FILE), a safetensors file, or the folder of a run"


def read_weights(path: str) -> dict[str, Tensor]:
    """Return the tensors of a file by name, on the CPU.

    Args:
        path: of a safetensors file; of a state dict saved by torch, alone or in a dict of other things (``state_dict``,
            ``model``); of a checkpoint of Lossbook, of which the network named ``model`` is taken; or of the folder of
            a run, for its best checkpoint.

    Raises:
        UserError: there is no such file, it cannot be read as tensors alone, or it holds none.
    """
    file = _file(path)
    if file.suffix == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return load_file(file)
        except (SafetensorError, OSError, ValueError) as error:
            raise refuse(f"model.weights={path}", f"safetensors cannot read it: {error}.", _FIX) from error
    try:
        with torch.serialization.safe_globals([argparse.Namespace]):  # options that scripts keep beside; plain values
            content = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises errors of many classes for files that it cannot or must not read
        raise refuse(f"model.weights={path}", "torch cannot read it as a file of plain tensors.", _FIX) from error
    found = _state_dict(content)
    if isinstance(content, Mapping) and ENTRY in content:
        own = {name: tensor for name, tensor in found.items() if name.startswith("model.")}
        found = own or {name: tensor for name, tensor in found.items() if not name.startswith("objective.")}
    if not found:
        what = f"a dict of {', '.join(map(str, [*content][:4]))}" if isinstance(content, Mapping) else None
        rule = f"It must hold a state dict, tensors by name, but holds {what or f'a {type(content).__name__}'}."
        raise refuse(f"model.weights={path}", rule, _FIX)
    return found


def _file(path: str) -> Path:
    place = Path(os.path.expanduser(path))
    if place.is_file():
        return place
    if place.is_dir():
        kept = next((place / name for name in _OF_A_RUN if (place / name).is_file()), None)
        if kept is not None:
            return kept
        raise refuse(f"model.weights={path}", "This folder holds no checkpoint of a run.", _FIX)
    raise refuse(f"model.weights={path}", "There is no such file.", _FIX)


def _state_dict(content: Any) -> dict[str, Tensor]:
    """Return the tensors of a state dict, or of the one that a dict of other things holds; empty without one."""
    if not isinstance(content, Mapping):
        return {}
    tensors = {str(name): value for name, value in content.items() if isinstance(value, Tensor)}
    if tensors:
        return tensors
    return next((found for key in _WRAPPED_IN if (found := _state_dict(content.get(key)))), {})
