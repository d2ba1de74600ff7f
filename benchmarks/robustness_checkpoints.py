"""Random damaged and foreign checkpoints, made from a good one: each must be resumed, evaluated or refused.

python benchmarks/robustness_checkpoints.py outputs/.../checkpoints/last.ckpt --count 500 --seed 0
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import io
import math
import os
import pickle
import random
import signal
import sys
import tempfile
import time
import traceback
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

Make = Callable[[random.Random, Path, Path], str]
"""(random numbers, file to write, good file) -> description of the damage."""


@dataclass(frozen=True)
class Case:
    """A damaged checkpoint.

    Args:
        kind: of the damage.
        path: of the file.
        what: was done to it.
    """

    kind: str
    path: Path
    what: str


class Code:
    """Runs a command when it is unpickled."""

    def __reduce__(self) -> Any:
        return os.system, ("touch ran",)


def checkpoints(seed: int, count: int, folder: Path, good: Path) -> Iterator[Case]:
    """Yield damaged checkpoints; each file is removed when the next one is made.

    Args:
        seed: of all random numbers.
        count: how many.
        folder: where they are written.
        good: a checkpoint of the end of an epoch or within one, of which they are made.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        kind, make = KINDS[number % len(KINDS)]
        path = folder / f"{number}.ckpt"
        # a text, which random hashes the same in every process
        what = make(random.Random(f"{seed} {number}"), path, good)
        yield Case(kind, path, what)
        if path.is_dir():
            path.rmdir()
        else:
            path.unlink(missing_ok=True)


def _cut(rng: random.Random, path: Path, good: Path) -> str:
    whole = good.read_bytes()
    at = rng.randrange(len(whole))
    path.write_bytes(whole[:at])
    return f"cut after {at} bytes"


def _flip(where: str) -> Make:
    def flip(rng: random.Random, path: Path, good: Path) -> str:
        with zipfile.ZipFile(good) as archive:
            records = archive.infolist()
            directory = archive.start_dir
        whole = bytearray(good.read_bytes())
        if where == "directory":
            start, end = directory, len(whole)
        else:
            chosen = [r for r in records if r.filename.endswith("data.pkl") == (where == "pickle")]
            record = rng.choice([r for r in chosen if r.file_size > 0])
            start = record.header_offset + 30 + len(record.filename)
            end = start + record.file_size
        bits = [rng.randrange(start * 8, end * 8) for _ in range(rng.choice((1, 1, 3, 50)))]
        for bit in bits:
            whole[bit // 8] ^= 1 << bit % 8
        path.write_bytes(whole)
        return f"flipped bits {bits[:3]}"

    return flip


def _places(node: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the paths of all entries of nested containers."""
    pairs = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in pairs:
        yield (*at, key)
        yield from _places(value, (*at, key))


def _chosen(rng: random.Random, checkpoint: Any) -> tuple[Any, ...]:
    """Draw an entry; all large parts, and all depths within them, are equally likely."""
    part = rng.choice([*checkpoint, "lossbook", "optimizer_states", "loops"])
    below = list(_places(checkpoint[part], (part,)))
    depth = rng.choice(sorted({len(at) for at in below}) or [1])
    return rng.choice([at for at in below if len(at) == depth] or [(part,)])


def _owner(checkpoint: Any, at: tuple[Any, ...]) -> Any:
    for key in at[:-1]:
        checkpoint = checkpoint[key]
    return checkpoint


def _load(good: Path) -> Any:
    return torch.load(good, weights_only=True)


def _remove(rng: random.Random, path: Path, good: Path) -> str:
    checkpoint = _load(good)
    at = _chosen(rng, checkpoint)
    del _owner(checkpoint, at)[at[-1]]
    torch.save(checkpoint, path)
    return f"without {_named(at)}"


def _add(rng: random.Random, path: Path, good: Path) -> str:
    checkpoint = _load(good)
    at = _chosen(rng, checkpoint)
    owner, value = _owner(checkpoint, at), _odd(rng, None)
    if isinstance(owner, list):
        owner.append(value)
    else:
        owner[rng.choice(("extra", "", "a.b", 7, "__class__", "_target_"))] = value
    torch.save(checkpoint, path)
    return f"one more beside {_named(at)}: {_shown(value)}"


def _change(rng: random.Random, path: Path, good: Path) -> str:
    checkpoint = _load(good)
    at = _chosen(rng, checkpoint)
    owner = _owner(checkpoint, at)
    value = _odd(rng, owner[at[-1]])
    owner[at[-1]] = value
    torch.save(checkpoint, path)
    return f"{_named(at)} = {_shown(value)}"


def _tensors(rng: random.Random, path: Path, good: Path) -> str:
    checkpoint = _load(good)
    part = rng.choice(("state_dict", "optimizer_states", "optimizer_states", "meter", "lossbook"))
    found = [at for at in _places(checkpoint[part], (part,)) if isinstance(_value(checkpoint, at), Tensor)]
    at = rng.choice(found or [("state_dict", next(iter(checkpoint["state_dict"])))])
    owner, value = _owner(checkpoint, at), _odd_tensor(rng, _value(checkpoint, at))
    owner[at[-1]] = value
    if rng.random() < 0.2 and isinstance(owner, dict):  # all of that name, as one who changes an optimizer would
        for other in found:
            if other != at and other[-1] == at[-1] and other[0] == at[0]:
                _owner(checkpoint, other)[other[-1]] = _odd_tensor(random.Random(0), _value(checkpoint, other))
    torch.save(checkpoint, path)
    return f"{_named(at)} = {_shown(value)}"


def _value(checkpoint: Any, at: tuple[Any, ...]) -> Any:
    return _owner(checkpoint, at)[at[-1]]


def _odd(rng: random.Random, old: Any) -> Any:
    """Return a value of another type, or one out of range."""
    if isinstance(old, Tensor) and rng.random() < 0.7:
        return _odd_tensor(rng, old)
    deep: Any = []
    for _ in range(300):
        deep = [deep]
    twice: Any = []
    for _ in range(60):
        twice = [twice, twice]
    values: list[Any] = [
        None, True, False, 0, 1, -1, 2**31, 2**63, 10**30, -(10**30), 0.0, -1.5, 1e308, math.nan, math.inf, -math.inf,
        "", "x", "nan", "../..", "/tmp/elsewhere", "${seed}", "${oc.env:HOME}", "x" * 1000, "\x00", b"x", 1j, [], {},
        (), [1], ["a"], {"a": 1}, {1: 2}, [[1, 2], [3]], deep, twice, torch.float16, torch.Size([2]), torch.ones(2),
        torch.zeros(()), torch.tensor(math.nan), {"_target_": "os.system"}, {"_target_": 5},
        {"_target_": "torch.nn.MSELoss"},
    ]  # fmt: skip
    if type(old) in (int, float):
        values += [old + 1, old - 1, -old, old * 1000, float(old), str(old)] * 2
    if isinstance(old, dict | list):
        values += [list(old), type(old)(), copy.copy(old), list(old.values()) if isinstance(old, dict) else {}] * 2
    return rng.choice(values)


def _odd_tensor(rng: random.Random, old: Tensor) -> Any:
    size = max(1, old.numel())
    makes: list[Callable[[], Any]] = [
        lambda: torch.zeros(0),
        lambda: torch.zeros(1),
        lambda: old.double(),
        lambda: old.half(),
        lambda: old.long(),
        lambda: old.bool(),
        lambda: old.to(torch.complex64),
        lambda: old.float() * math.nan,
        lambda: old.float() + math.inf,
        lambda: old - 1000 if old.dtype != torch.bool else old,
        lambda: old.float() * 1e30,
        lambda: old[None],
        lambda: old.flatten()[: size // 2],
        lambda: torch.cat([old.flatten(), old.flatten()]),
        lambda: old.flatten(),
        lambda: old.t() if old.dim() == 2 else old,
        lambda: torch.zeros((), dtype=old.dtype).expand(old.shape),
        lambda: torch.zeros((), dtype=torch.float32).expand(10**6, 10**6),
        lambda: torch.zeros(2 * size, dtype=old.dtype)[::2].view(old.shape),
        lambda: old.to("meta"),
        lambda: old.to_sparse() if old.dim() else old.item(),
        lambda: torch.quantize_per_tensor(old.float(), 0.1, 0, torch.qint8),
        lambda: nn.Parameter(old.float()),
        lambda: old.tolist(),
        lambda: old.flatten()[0].item() if old.numel() else None,
    ]
    return rng.choice(makes)()


def _share(rng: random.Random, path: Path, good: Path) -> str:
    """Make several tensors of the optimizer's state share memory."""
    checkpoint = _load(good)
    states = [state for each in checkpoint["optimizer_states"] for state in each["state"].values()]
    if not states:
        return _remove(rng, path, good)
    state = rng.choice(states)
    names = [name for name, value in state.items() if isinstance(value, Tensor) and value.dim()]
    for name in names:
        state[name] = state[names[0]]
    torch.save(checkpoint, path)
    return f"{', '.join(names)} of a parameter in one memory"


def _foreign(rng: random.Random, path: Path, good: Path) -> str:
    checkpoint = _load(good)
    weights = checkpoint["state_dict"]
    kinds: dict[str, Callable[[], Any]] = {
        "empty": lambda: path.write_bytes(b""),
        "text": lambda: path.write_text("epoch: 3\n" * 100),
        "noise": lambda: path.write_bytes(rng.randbytes(10_000)),
        "a plain pickle": lambda: path.write_bytes(pickle.dumps({"state_dict": {}})),
        "a pickle with code": lambda: path.write_bytes(pickle.dumps({"state_dict": {}, "lossbook": Code()})),
        "a checkpoint with code": lambda: torch.save({**checkpoint, "lossbook": Code()}, path),
        "weights": lambda: torch.save(weights, path),
        "a tensor": lambda: torch.save(torch.ones(3), path),
        "a list": lambda: torch.save([checkpoint], path),
        "a Lightning checkpoint": lambda: torch.save({k: v for k, v in checkpoint.items() if k != "lossbook"}, path),
        "a training script's": lambda: torch.save({"model": weights, "optimizer": {}, "epoch": 3}, path),
        "the old format": lambda: torch.save(checkpoint, path, _use_new_zipfile_serialization=False),
        "a whole network": lambda: torch.save(nn.Linear(1, 1), path),
        "a zip": lambda: _zip(path, {"a.txt": b"a"}),
        "a zip of another's pickle": lambda: _zip(path, {"x/data.pkl": pickle.dumps(Code()), "x/version": b"3"}),
        "a packed zip": lambda: _packed(path, good),
        "without a record": lambda: _without_record(rng, path, good),
        "a GIF": lambda: path.write_bytes(b"GIF89a" + bytes(500)),
        "a folder": lambda: path.mkdir(),
    }
    kind = rng.choice(list(kinds))
    kinds[kind]()
    return kind


def _zip(path: Path, files: dict[str, bytes], how: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(path, "w", how) as archive:
        for name, content in files.items():
            archive.writestr(name, content)


def _packed(path: Path, good: Path) -> None:
    with zipfile.ZipFile(good) as archive:
        _zip(path, {name: archive.read(name) for name in archive.namelist()}, zipfile.ZIP_DEFLATED)


def _without_record(rng: random.Random, path: Path, good: Path) -> None:
    with zipfile.ZipFile(good) as archive:
        gone = rng.choice(archive.namelist())
        _zip(path, {name: archive.read(name) for name in archive.namelist() if name != gone})


def _named(at: tuple[Any, ...]) -> str:
    return ".".join(map(str, at))


def _shown(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"{tuple(value.shape)} {value.dtype} {value.layout} {value.device}"
    return f"a {type(value).__name__}" if isinstance(value, dict | list | tuple) else repr(value)[:60]


KINDS: tuple[tuple[str, Make], ...] = (
    ("cut", _cut),
    ("flipped in the weights", _flip("weights")),
    ("changed", _change),
    ("tensor", _tensors),
    ("removed", _remove),
    ("flipped in the pickle", _flip("pickle")),
    ("changed", _change),
    ("tensor", _tensors),
    ("added", _add),
    ("flipped in the directory", _flip("directory")),
    ("foreign", _foreign),
    ("removed", _remove),
    ("shared memory", _share),
    ("changed", _change),
)


def outcome(case: Case, epochs: int, seconds: int = 30) -> str:
    """Train and evaluate in another process; return ``trained``, ``refused``, or the fault."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        signal.alarm(seconds)  # ends a process that hangs
        with contextlib.suppress(BaseException), os.fdopen(write, "w") as answer:
            answer.write(_tried(case, epochs))
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as answer:
        said = answer.read()
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        ended = os.WTERMSIG(status)
        return "HANG" if ended == signal.SIGALRM else f"CRASH {signal.Signals(ended).name}"
    return said or "CRASH without a word"


def _tried(case: Case, epochs: int) -> str:
    import lossbook
    from lossbook.errors import UserError

    said = []
    ran = case.path.parent / "run"
    for name in ("train", "evaluate"):
        quiet = io.StringIO()
        try:
            with contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
                if name == "train":
                    longer = (f"trainer.max_epochs={epochs}", "trainer.max_steps=-1")
                    lossbook.train(lossbook.compose(f"ckpt={case.path}", *longer), ran)
                else:
                    lossbook.evaluate(lossbook.compose(f"ckpt={case.path}"))
            said.append(f"{name} ok")
        except UserError as error:
            text = str(error)
            said.append(f"{name} refused: {text if len(text) < 2000 else 'TOO LONG ' + text[:300]}")
        except BaseException:
            said.append(f"{name} TRACEBACK: {traceback.format_exc()}")
    return "\n".join(said)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("good", type=Path, help="a checkpoint")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--verbose", action="store_true", help="print every case")
    flags = parser.parse_args()
    epochs = int(_load(flags.good)["epoch"]) + 2
    import lossbook.training.checkpoint_fits  # noqa: F401  (once, for all of the processes)

    torch.set_num_threads(1)  # a child that is forked has none of the others

    found: Counter[str] = Counter()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        for case in checkpoints(flags.seed, flags.count, Path(scratch), flags.good):
            said = outcome(case, epochs)
            bad = any(word in said for word in ("TRACEBACK", "CRASH", "HANG", "TOO LONG")) or Path("ran").exists()
            found["wrong" if bad else "ok" if "train ok" in said else "refused"] += 1
            if bad or flags.verbose:
                print(f"--- {case.kind}: {case.what}\n{said}", flush=True)
    print(f"{dict(found)} in {time.perf_counter() - began:.0f} s")
    return int(bool(found["wrong"]))


if __name__ == "__main__":
    sys.exit(main())
