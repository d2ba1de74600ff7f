"""Loading a set through Hugging Face's library ``datasets``: a local file or folder, or a name on the hub."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lossbook.data.part_names import part_of
from lossbook.data.source import PARTS
from lossbook.errors import refuse, typed

_FORMATS = {
    ".csv": "csv", ".tsv": "csv", ".json": "json", ".jsonl": "json", ".parquet": "parquet", ".arrow": "arrow",
}  # fmt: skip
_SAVED = ("dataset_dict.json", "state.json")  # what save_to_disk writes into a folder


def load_splits(name: str, subset: str | None, download: bool) -> dict[str, Any]:
    """Return the splits of a set by their own names.

    Args:
        name: a file (CSV, TSV, JSON, Parquet), a folder of such files or of images, one that ``save_to_disk`` wrote, or
            the name of a set on the hub.
        subset: of a set on the hub that has several.
        download: whether a set on the hub may be downloaded; otherwise it must be in the cache of ``datasets``.

    Raises:
        UserError: ``datasets`` is not installed, or the set cannot be read.
    """
    try:
        import datasets
    except ModuleNotFoundError as error:
        rule = "It reads sets through the library datasets, which is not installed."
        raise refuse("data=huggingface", rule, "pip install 'lossbook[huggingface]'") from error
    path = Path(os.path.expanduser(name))
    if path.exists() and download:
        raise refuse(
            f"data.download=true data.name={name}", "It is here: nothing is downloaded.", "data.download=false"
        )
    if path.exists() and subset is not None:
        raise refuse(f"data.subset={subset} data.name={name}", "Subsets are of sets on the hub.", "data.subset=null")
    try:
        with _quiet(datasets, offline=not download):
            found = _load(datasets, name, path, subset)
    except Exception as error:  # whatever the library and its readers raise
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        if path.exists():
            fix = "a CSV, JSON or Parquet file, a folder of these or of images, or what save_to_disk wrote"
            raise refuse(f"data.name={name} cannot be read", f"datasets says: {said}", fix) from error
        if download:
            rule = f"It could not be downloaded or read: {said}"
            raise refuse(f"data.name={name} data.download=true", rule, "check the name and the network") from error
        raise refuse(
            f"data.name={name}",
            "This is no file or folder here, and no set in the cache of downloaded ones.",
            "data.name=PATH, or data.download=true to download it from the hub",
        ) from error
    return dict(found) if isinstance(found, Mapping) else {"train": found}


def _load(datasets: Any, name: str, path: Path, subset: str | None) -> Any:
    if path.is_dir() and any((path / file).is_file() for file in _SAVED):
        return datasets.load_from_disk(str(path))
    if path.is_file():
        suffix = path.suffix.lower()
        if suffix not in _FORMATS:
            rule = f"files are read by their suffix: {', '.join(_FORMATS)}"
            raise ValueError(rule)
        more = {"sep": "\t"} if suffix == ".tsv" else {}
        return datasets.load_dataset(_FORMATS[suffix], data_files=str(path), **more)
    return datasets.load_dataset(str(path) if path.is_dir() else name, subset)


@contextmanager
def _quiet(datasets: Any, offline: bool) -> Iterator[None]:
    """Switch off bars, and, for ``offline``, every access to the network."""
    from huggingface_hub import constants

    bars = datasets.are_progress_bars_disabled()
    before = datasets.config.HF_HUB_OFFLINE, constants.HF_HUB_OFFLINE
    datasets.disable_progress_bars()
    if offline:
        datasets.config.HF_HUB_OFFLINE = constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        datasets.config.HF_HUB_OFFLINE, constants.HF_HUB_OFFLINE = before
        if not bars:
            datasets.enable_progress_bars()


def as_parts(
    splits: Mapping[str, Any], chosen: Mapping[str, str] | None, evaluating: bool = False
) -> tuple[dict[str, Any], list[str]]:
    """Return the splits that are parts, and notes on the others.

    Args:
        splits: by their own names.
        chosen: part -> name of its split, where the user says so; None: by their names.
        evaluating: only ``test`` is needed.

    Raises:
        UserError: there is no such split, or none that is for training.
    """
    names = ", ".join(splits)
    if chosen is not None:
        for part, split in chosen.items():
            if part not in PARTS or split not in splits:
                rule = f"It maps {', '.join(PARTS)} to splits of this set: {names}."
                raise refuse(f"data.splits={typed(chosen)}", rule, f"'data.splits={{train: {next(iter(splits))}}}'")
        found = {part: splits[chosen[part]] for part in PARTS if part in chosen}
    else:
        by_part: dict[str, str] = {}
        for name in splits:
            by_part.setdefault(part_of(name) or "", name)
        found = {part: splits[by_part[part]] for part in PARTS if part in by_part}
        if len(splits) == 1:
            found = {"train": next(iter(splits.values()))}
    if "train" not in found and not (evaluating and "test" in found):
        rule = f"A training part is needed, and the splits are {names}."
        raise refuse("data.splits has no train", rule, f"'data.splits={{train: {next(iter(splits))}}}'")
    used = [id(one) for one in found.values()]
    left = [name for name, one in splits.items() if id(one) not in used]
    return found, [f"splits left out: {', '.join(left)}"] if left else []
