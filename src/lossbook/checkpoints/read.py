"""Write checkpoints atomically, of plain containers and tensors only, and read them without running code in them."""

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
    """Writes a temporary file, syncs it, renames it and syncs the folder: the named file is always complete.

    To be passed to ``lightning.Trainer(plugins=[...])``. Lightning's own writer truncates the previous file first.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | os.PathLike[str], storage_options: Any = None
    ) -> None:
        """Write ``checkpoint``, plain containers and tensors, to ``path``.

        Raises:
            UserError: an entry is neither a plain container nor a tensor, or the file cannot be written; the previous
                file is intact then, and nothing else is left behind.
        """
        assert storage_options is None, "only files on local disks"
        write_whole(Path(path), lambda file: torch.save(plain(checkpoint), file))

    def load_checkpoint(
        self, path: str | os.PathLike[str], map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Read a checkpoint without unpickling objects, whatever ``weights_only`` is.

        Launchers that start processes hand over the final weights in a file that holds nothing else; it is read, too.
        """
        assert weights_only is not False, "a checkpoint is never unpickled"
        path = Path(path)
        content = _load(path)
        weights_alone = isinstance(content, dict) and "state_dict" not in content
        return content if weights_alone else _ours(path, content)

    def remove_checkpoint(self, path: str | os.PathLike[str]) -> None:
        """Remove the file, if there is one."""
        Path(path).unlink(missing_ok=True)


def plain(value: Any, key: str = "") -> Any:
    """Convert a value to what ``torch.load(weights_only=True)`` can read: containers, numbers, strings, tensors.

    Converts what loses nothing by it: paths, enums, numpy's scalars and arrays, named tuples, other dicts.
    What needs no conversion is returned itself, so that a ``state_dict`` keeps its module versions.

    Raises:
        UserError: it contains something else; ``key`` (``callbacks.Mine.model``) says where.
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
        "A checkpoint must hold only plain containers, numbers, strings and tensors, so that reading it runs no code.",
        "return such values from state_dict or on_save_checkpoint (OmegaConf.to_container, a state_dict, a list)",
    )


def read(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a checkpoint, its tensors on the CPU, without running any code in it; the result must not be changed.

    The file's checksums and the structure of its content are checked once, as long as the file does not change.
    Tensors are read from the disk when they are used: most callers need only the config.

    Raises:
        UserError: the file is missing, damaged, or not a checkpoint of Lossbook.
    """
    path = Path(path)
    require_file(path)
    status = path.stat()
    return _read(path.absolute(), path, (status.st_mtime_ns, status.st_size, status.st_ino))


def read_to_resume(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a checkpoint, and check that it holds all that training needs to go on.

    Raises:
        UserError: something is missing, beside what :func:`read` raises.
    """
    path, checkpoint = Path(path), read(path)
    _refuse(path, schema.missing_to_resume(checkpoint), f"{another(path)}; scripts/evaluate.py may not need them")
    return checkpoint


@lru_cache(maxsize=2)
def _read(absolute: Path, path: Path, state: tuple[int, ...]) -> dict[str, Any]:
    require_whole(path)
    return _ours(path, _load(path, mmap=True))


def _load(path: Path, mmap: bool = False) -> Any:
    """Load a file of torch; raise a UserError where it is something else, or reading it would run code."""
    require_file(path)
    try:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=mmap)
    except pickle.UnpicklingError as error:
        raise not_ours(path, "holds objects of another program, and reading them would run its code") from error
    except OSError as error:
        raise refuse(
            f"ckpt={path} cannot be read: {error.strerror or error}.", "ckpt must be a readable file."
        ) from error
    except Exception as error:  # torch has no class for a broken file: RuntimeError, EOFError, ValueError, ...
        raise not_ours(path, "is not a checkpoint file") from error


def _ours(path: Path, checkpoint: Any) -> dict[str, Any]:
    if not isinstance(checkpoint, dict) or "state_dict" not in checkpoint:
        raise not_ours(path, f"holds a {type(checkpoint).__name__} without a state_dict")
    if not isinstance(checkpoint.get(ENTRY), dict):
        raise not_ours(path, f"holds no {ENTRY!r} entry: another Lightning program wrote it")
    _refuse(path, schema.problems(checkpoint), another(path))
    use_current_names(checkpoint[ENTRY]["config"], checkpoint[ENTRY]["config"])
    return checkpoint


def _refuse(path: Path, found: Iterator[str], fix: str) -> None:
    """Refuse a checkpoint if anything was found, and quote the first three."""
    first = [*islice(found, 4)]
    if first:
        more = " There is more." if len(first) == 4 else ""
        raise refuse(f"ckpt={path} is not a valid checkpoint.", f"{' '.join(first[:3])}{more}", fix)
