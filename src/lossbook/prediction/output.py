"""The files that predictions are written to: a table, and masks, embeddings and a list of what is broken beside it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from lossbook.errors import Problem, UserError, nearest, refuse
from lossbook.prediction.result import table_of
from lossbook.targets.rows import PredictionRows

if TYPE_CHECKING:
    import polars as pl

SUFFIXES = (".csv", ".jsonl", ".parquet")
_MOST_VECTORS = 50_000  # rows of one file of embeddings


class Output:
    """Writes predictions as they come; they appear under their names at the end, or not at all.

    Args:
        path: of the table; its suffix says the format.
        overwrite: whether files that are there already are replaced.
        inputs: files that are predicted for, which are never replaced.

    Raises:
        UserError: the suffix is unknown, the folder is missing, or the file exists or is an input.
    """

    def __init__(self, path: Path, overwrite: bool = False, inputs: Iterable[Path] = ()) -> None:
        self.path, self.overwrite = path, overwrite
        self._inputs = {os.path.realpath(one) for one in inputs}
        if path.suffix.lower() not in SUFFIXES:
            rule = f"The suffix says the format: {', '.join(SUFFIXES)}."
            raise refuse(f"output={path}", rule, f"output={path.with_suffix(nearest(path.suffix, SUFFIXES) or '.csv')}")
        if not path.parent.is_dir():
            raise refuse(f"output={path}", f"There is no folder {path.parent}.", f"mkdir -p '{path.parent}'")
        self.bad_path = path.with_suffix(".bad.csv")
        for one in (path, self.bad_path):
            self._require_free(one)
        self._parts = path.with_name(f".{path.name}.{os.getpid()}.part")
        self._chunks = 0
        self._rows = 0
        self._bad: list[tuple[str, Problem]] = []
        self._folders: dict[str, Path] = {}  # of files beside: name in the end -> where they are now
        self._used: dict[str, int] = {}
        self._vectors: dict[str, list[tuple[Sequence[str], np.ndarray]]] = {}
        self._vector_rows: dict[str, int] = {}

    def __enter__(self) -> Output:
        try:
            self._parts.mkdir()
        except OSError as error:
            raise self._unwritten(error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._finish()
        except OSError as failed:
            raise self._unwritten(failed) from failed
        finally:
            shutil.rmtree(self._parts, ignore_errors=True)
        if isinstance(error, OSError):
            raise self._unwritten(error) from error

    def add(self, names: Sequence[str], heads: Mapping[str, PredictionRows]) -> None:
        """Write the predictions for samples of these names."""
        columns: dict[str, dict[str, Any]] = {}
        for head, rows in heads.items():
            own = dict(rows.columns)
            if rows.images:
                own = {"prediction": self._pictures(names, rows, self._beside(head, "masks")), **own}
            elif rows.vectors:
                own |= self._embeddings(names, rows.values, self._beside(head, "embeddings"))
            columns[head] = own
        self._write(table_of(names, columns))

    def add_bad(self, name: str, problem: Problem) -> None:
        """Note a sample that could not be read."""
        self._bad.append((name, problem))

    @property
    def files(self) -> list[Path]:
        """What is written in the end."""
        beside = [self.path.with_name(name) for name in self._folders]
        return [self.path, *beside, *([self.bad_path] if self._bad else [])]

    def _write(self, frame: pl.DataFrame) -> None:
        suffix = self.path.suffix.lower()
        if suffix == ".parquet":
            frame.write_parquet(self._parts / f"{self._chunks:09}.parquet")
        else:
            with open(self._parts / "table", "ab") as file:
                if suffix == ".csv":
                    frame.write_csv(file, include_header=self._chunks == 0)
                else:
                    frame.write_ndjson(file)
        self._chunks += 1
        self._rows += len(frame)

    def _beside(self, head: str, what: str) -> str:
        name = f"{self.path.stem}_{head}_{what}" if head else f"{self.path.stem}_{what}"
        if name not in self._folders:
            self._require_free(self.path.with_name(name))
            self._folders[name] = self._parts / name
            self._folders[name].mkdir()
        return name

    def _pictures(self, names: Sequence[str], rows: PredictionRows, folder: str) -> list[str]:
        """Save a PNG for each sample, and return their paths below the table's folder."""
        written = []
        for name, image in zip(names, rows.images, strict=True):
            place = self._free_name(folder, name)
            target = self._folders[folder] / place
            target.parent.mkdir(parents=True, exist_ok=True)
            image.save(target, format="PNG")
            written.append(f"{folder}/{place}")
        return written

    def _free_name(self, folder: str, name: str) -> str:
        """Return a path below a folder for a sample's file: two samples of one name get two."""
        parts = [part for part in PurePosixPath(name.replace("\\", "/")).parts if part not in ("/", "..", ".")]
        stem = "/".join(parts) or "sample"
        plain = f"{PurePosixPath(stem).with_suffix('')}.png"
        whole = f"{stem}.png"
        for one in (plain, whole):
            if self._used.setdefault(f"{folder}/{one.casefold()}", 0) == 0:
                self._used[f"{folder}/{one.casefold()}"] = 1
                return one
        self._used[f"{folder}/{whole.casefold()}"] += 1
        return f"{stem}-{self._used[f'{folder}/{whole.casefold()}']}.png"

    def _embeddings(self, names: Sequence[str], values: np.ndarray, folder: str) -> dict[str, Any]:
        start = self._vector_rows.get(folder, 0)
        self._vectors.setdefault(folder, []).append((names, values))
        self._vector_rows[folder] = start + len(names)
        places = np.arange(start, start + len(names))
        files = [f"{folder}/{place // _MOST_VECTORS}.npz" for place in places]
        self._flush(folder)
        return {"file": files, "row": places % _MOST_VECTORS}

    def _flush(self, folder: str, last: bool = False) -> None:
        """Write full files of embeddings, and at the end the last one."""
        waiting = self._vectors.get(folder, [])
        held = sum(len(names) for names, _ in waiting)
        while held >= _MOST_VECTORS or (last and held):
            names = [name for own, _ in waiting for name in own]
            values = np.concatenate([one for _, one in waiting])
            number = (self._vector_rows[folder] - held) // _MOST_VECTORS
            first, rest = slice(0, _MOST_VECTORS), slice(_MOST_VECTORS, None)
            np.savez(self._folders[folder] / f"{number}.npz", names=np.array(names[first]), embeddings=values[first])
            waiting = [(names[rest], values[rest])]
            held = len(waiting[0][0])
        self._vectors[folder] = waiting

    def _finish(self) -> None:
        import polars as pl

        if not self._rows:  # nothing could be read: its error is enough
            return
        for folder in self._folders:
            self._flush(folder, last=True)
        table = self._parts / "table"
        if self.path.suffix.lower() == ".parquet":
            pl.scan_parquet(sorted(self._parts.glob("*.parquet")), glob=False).sink_parquet(table)
        if self._bad:
            listed = {
                "name": [name for name, _ in self._bad],
                "problem": [in_a_line(one) for _, one in self._bad],
                "fix": [one.fix for _, one in self._bad],
            }
            pl.DataFrame(listed).write_csv(self._parts / "bad")
            os.replace(self._parts / "bad", self.bad_path)
        elif self.overwrite:
            self.bad_path.unlink(missing_ok=True)  # of the predictions that are replaced
        for beside, written in self._folders.items():
            _move(written, self.path.with_name(beside))
        self._require_free(self.path)  # another process may have written it meanwhile
        os.replace(table, self.path)

    def _require_free(self, path: Path) -> None:
        real = os.path.realpath(path)
        if any(one == real or one.startswith(real + os.sep) for one in self._inputs):
            raise refuse(f"{path} is an input.", "An input is never overwritten.", "output=ANOTHER")
        if os.path.lexists(path) and not self.overwrite:
            raise refuse(
                f"{path} exists.", "Nothing is overwritten unless you say so.", "overwrite=true, or output=ANOTHER"
            )
        if path == self.path and path.is_dir():
            raise refuse(f"output={path}", "This is a folder.", f"output={path / 'predictions.csv'}")

    def _unwritten(self, error: OSError) -> UserError:
        what = f"{error.filename or self.path} could not be written: {error.strerror or error}."
        return refuse(what, "Nothing is left behind.", "output=PATH in a folder with room and write permission")


def in_a_line(problem: Problem) -> str:
    """Return what is wrong, and the rule."""
    return f"{problem.given.rstrip('.')}. {problem.rule}"


def _move(folder: Path, target: Path) -> None:
    """Move the files of a folder into another, in place of those of their names; other files there stay."""
    for source in sorted(folder.rglob("*")):
        place = target / source.relative_to(folder)
        if source.is_dir():
            place.mkdir(parents=True, exist_ok=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            os.replace(source, place)
