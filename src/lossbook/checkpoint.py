"""Checkpoint files: written whole or not at all, of plain containers and tensors alone, read without running code."""

from __future__ import annotations

import os
import pickle
import zipfile
from collections import OrderedDict
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.fabric.plugins import CheckpointIO
from torch import Tensor

from lossbook.errors import UserError, refuse
from lossbook.files import write_whole

ENTRY = "lossbook"  # the key under which a checkpoint holds what is ours: config, version, random states
_LEAVES = (type(None), bool, int, float, complex, str, bytes, torch.dtype, torch.device, torch.Size)


class AtomicCheckpointIO(CheckpointIO):
    """Writes beside the target, syncs, renames, syncs the folder: whatever happens, a whole file bears the name.

    To be given to ``lightning.Trainer(plugins=[...])``. Lightning's own writer truncates the good file first.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | os.PathLike[str], storage_options: Any = None
    ) -> None:
        """Writes ``checkpoint``, plain containers and tensors, to ``path``.

        Raises:
            UserError: an entry is neither a plain container nor a tensor, or the file cannot be written; then the file
                that was there before is as it was, and nothing else is left behind.
        """
        assert storage_options is None, "only files on this machine's disks"
        write_whole(Path(path), lambda file: torch.save(plain(checkpoint), file))

    def load_checkpoint(
        self, path: str | os.PathLike[str], map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """:func:`read`, whatever Lightning asks for: it passes None unless ``trainer.fit(weights_only=...)`` is set.

        Launchers that start processes hand the final weights over as a file without anything else; that is read, too.
        """
        assert weights_only is not False, "a checkpoint is never unpickled"
        path = Path(path)
        content = _load(path)
        weights_alone = isinstance(content, dict) and "state_dict" not in content
        return content if weights_alone else _ours(path, content)

    def remove_checkpoint(self, path: str | os.PathLike[str]) -> None:
        """Removes the file, if there is one."""
        Path(path).unlink(missing_ok=True)


def plain(value: Any, key: str = "") -> Any:
    """``value`` as ``torch.load(weights_only=True)`` can read it: containers, numbers, strings, tensors.

    Converts what loses nothing by it: paths, enums, numpy's scalars and arrays, named tuples, other dicts.
    What needs no change is returned as it is, so that a ``state_dict`` keeps the module versions that it carries.

    Raises:
        UserError: something else is inside; ``key`` (``callbacks.Mine.model``) says where.
    """
    if type(value) in _LEAVES:
        return value
    if isinstance(value, Tensor):
        return (
            value if type(value).__module__.startswith("torch.") or type(value) is Tensor else value.as_subclass(Tensor)
        )
    if isinstance(value, Enum):
        return plain(value.value, key)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, np.generic):
        return plain(value.item(), key)
    if isinstance(value, np.ndarray) and value.dtype.kind in "biufc":
        return torch.from_numpy(np.ascontiguousarray(value))
    if isinstance(value, list | tuple):
        items = [plain(item, f"{key}[{number}]") for number, item in enumerate(value)]
        base = list if isinstance(value, list) else tuple
        same = type(value) is base and all(new is old for new, old in zip(items, value, strict=True))
        return value if same else base(items)
    if isinstance(value, dict) or type(value).__name__ == "mappingproxy":
        pairs = {_plain_key(k, key): plain(v, f"{key}.{k}" if key else str(k)) for k, v in value.items()}
        same = type(value) in (dict, OrderedDict) and all(pairs.get(k) is v for k, v in value.items())
        return value if same else pairs
    for simple in (int, float, str):
        if isinstance(value, simple):
            return simple(value)
    raise _foreign(key, value)


def _plain_key(name: Any, key: str) -> Any:
    if isinstance(name, np.generic | Enum) or type(name) in (str, int, float, bool, type(None), tuple):
        return plain(name, key)
    raise _foreign(f"{key} (a key in it)", name)


def _foreign(key: str, value: Any) -> UserError:
    return refuse(
        f"checkpoint entry {key or '(the whole)'} is a {type(value).__module__}.{type(value).__qualname__}.",
        "A checkpoint holds plain containers, numbers, strings and tensors alone, so that reading one runs no code.",
        "let state_dict or on_save_checkpoint return such values (OmegaConf.to_container, a state_dict, a list).",
    )


def read(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The checkpoint in a file, its tensors on the CPU, read without running any code in it.

    Tensors come off the disk when they are used: most readers want the config alone, and resuming has several.

    Raises:
        UserError: the file is missing, cut short, or no checkpoint of Lossbook's.
    """
    return _ours(Path(path), _load(Path(path), mmap=True))


def _load(path: Path, mmap: bool = False) -> Any:
    """What a file of torch's holds; a UserError where it is none, or holds what needs code to be read."""
    if not path.is_file():
        known = sorted(path.parent.glob("*.ckpt")) if path.parent.is_dir() else []
        fix = f"ckpt={known[-1]}" if known else "runs keep theirs in outputs/<loss>-<optim>/<date>_<time>/checkpoints/."
        what = "is a folder" if path.is_dir() else "does not exist"
        raise refuse(f"ckpt={path} {what}.", "ckpt names a checkpoint file.", fix)
    try:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=mmap)
    except pickle.UnpicklingError as error:
        if _is_archive(path):
            raise _not_ours(path, "holds objects of another program, which only running its code would read") from error
        raise _not_ours(path, "is no checkpoint file") from error
    except OSError as error:
        raise refuse(
            f"ckpt={path} cannot be read: {error.strerror or error}.", "ckpt names a readable file."
        ) from error
    except Exception as error:  # torch names no class for a broken file: RuntimeError, EOFError, ValueError, KeyError
        if _cut_short(path):
            raise refuse(
                f"ckpt={path} is cut short ({path.stat().st_size:,} bytes).",
                "A copy or download that broke off looks like this; Lossbook itself never leaves such a file.",
                "copy it again, or take the other one of best.ckpt and last.ckpt.",
            ) from error
        raise _not_ours(path, "is no checkpoint file") from error


def _ours(path: Path, checkpoint: Any) -> dict[str, Any]:
    if not isinstance(checkpoint, dict) or "state_dict" not in checkpoint:
        raise _not_ours(path, f"holds a {type(checkpoint).__name__} without a state_dict")
    if not isinstance(checkpoint.get(ENTRY), dict):
        raise _not_ours(path, f"holds no {ENTRY!r} entry: another Lightning program has written it")
    return checkpoint


def _is_archive(path: Path) -> bool:
    return zipfile.is_zipfile(path)


def _cut_short(path: Path) -> bool:
    """Whether the file starts as torch's archives do and lacks the directory at their end."""
    with open(path, "rb") as file:
        start = file.read(4)
    return not start or (start == b"PK\x03\x04" and not zipfile.is_zipfile(path))


def _not_ours(path: Path, what: str) -> UserError:
    return refuse(
        f"ckpt={path} {what}.",
        "ckpt names a checkpoint that lossbook has written: it alone carries the config that rebuilds the run.",
        "give checkpoints/last.ckpt or checkpoints/best.ckpt of a run's folder.",
    )
