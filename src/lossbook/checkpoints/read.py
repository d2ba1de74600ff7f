"""Checkpoint files: written whole or not at all, of plain containers and tensors alone, read without running code."""

from __future__ import annotations

import os
import pickle
from collections import OrderedDict
from collections.abc import Iterator
from enum import Enum
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.fabric.plugins import CheckpointIO
from torch import Tensor

from lossbook.checkpoints import structure as schema
from lossbook.checkpoints.file import another, not_ours, require_file, require_whole
from lossbook.checkpoints.structure import ENTRY, LEAVES
from lossbook.errors import UserError, refuse
from lossbook.files import write_whole
from lossbook.renamed import use_current_names


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
    if type(value) in LEAVES:
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
    """The checkpoint in a file, its tensors on the CPU, read without running any code in it; not to be changed.

    The file is held against its checksums, and what it holds against the structure of a checkpoint, once as long as it
    stays as it is. Tensors come off the disk when they are used: most readers want the config alone.

    Raises:
        UserError: the file is missing, damaged, or no checkpoint of Lossbook's.
    """
    path = Path(path)
    require_file(path)
    status = path.stat()
    return _read(path.absolute(), path, (status.st_mtime_ns, status.st_size, status.st_ino))


def read_to_resume(path: str | os.PathLike[str]) -> dict[str, Any]:
    """``read``, of a checkpoint that holds all that training goes on with.

    Raises:
        UserError: something is missing.
    """
    path, checkpoint = Path(path), read(path)
    _refuse(path, schema.missing_to_resume(checkpoint), f"{another(path)}; scripts/evaluate.py may do without them")
    return checkpoint


@lru_cache(maxsize=2)
def _read(absolute: Path, path: Path, state: tuple[int, ...]) -> dict[str, Any]:
    require_whole(path)
    return _ours(path, _load(path, mmap=True))


def _load(path: Path, mmap: bool = False) -> Any:
    """What a file of torch's holds; a UserError where it is none, or holds what needs code to be read."""
    require_file(path)
    try:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=mmap)
    except pickle.UnpicklingError as error:
        raise not_ours(path, "holds objects of another program, which only running its code would read") from error
    except OSError as error:
        raise refuse(
            f"ckpt={path} cannot be read: {error.strerror or error}.", "ckpt names a readable file."
        ) from error
    except Exception as error:  # torch names no class for a broken file: RuntimeError, EOFError, ValueError, KeyError
        raise not_ours(path, "is no checkpoint file") from error


def _ours(path: Path, checkpoint: Any) -> dict[str, Any]:
    if not isinstance(checkpoint, dict) or "state_dict" not in checkpoint:
        raise not_ours(path, f"holds a {type(checkpoint).__name__} without a state_dict")
    if not isinstance(checkpoint.get(ENTRY), dict):
        raise not_ours(path, f"holds no {ENTRY!r} entry: another Lightning program has written it")
    _refuse(path, schema.problems(checkpoint), another(path))
    use_current_names(checkpoint[ENTRY]["config"], checkpoint[ENTRY]["config"])
    return checkpoint


def _refuse(path: Path, found: Iterator[str], fix: str) -> None:
    """Refuse a checkpoint of which there is something to say."""
    first = [*islice(found, 4)]
    if first:
        more = " And more." if len(first) == 4 else ""
        raise refuse(f"ckpt={path} is no sound checkpoint.", f"{' '.join(first[:3])}{more}", fix)
