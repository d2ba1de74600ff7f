from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from lossbook.data.digits import Digits
from lossbook.data.images import cached
from lossbook.data.images import files as image_files
from lossbook.data.images.cached import CachedImages, cached_parts
from lossbook.data.images.folder import ImageFolder
from lossbook.data.module import DataModule
from lossbook.data.source import PARTS, Parts
from lossbook.errors import UserError


@pytest.fixture
def parts(tmp_path: Path) -> Parts:
    draw = np.random.default_rng(0)
    for name in ("a", "b"):
        (tmp_path / "root" / name).mkdir(parents=True)
        for number in range(15):
            levels = draw.integers(0, 256, (9, 7, 3), dtype=np.uint8)
            Image.fromarray(levels).save(tmp_path / "root" / name / f"{number}.png")
    levels = np.zeros((5, 5, 3), np.uint8)
    for name in ("x", "y"):
        Image.fromarray(levels).save(tmp_path / "root" / "a" / f"{name}.png")  # twice the same
    return ImageFolder(str(tmp_path / "root"), [6, 8]).load()


def epoch(loader: Any, number: int) -> list[dict[str, Any]]:
    loader.sampler.set_epoch(number)
    return list(loader)


@pytest.mark.parametrize("cache", ["ram", "disk"])
@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_later_epochs_are_the_same_and_read_no_file(
    parts: Parts, tmp_path: Path, cache: str, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = cached_parts(parts, cache, str(tmp_path / "cache") if cache == "disk" else None)
    assert "decoded images stay in" in kept.notes[-1]
    plain, cached = (DataModule(one, 4, num_workers=workers) for one in (parts, kept))
    expected = [epoch(plain.train_dataloader(), number) for number in range(3)]
    loader = cached.train_dataloader()
    found = [epoch(loader, 0)]
    monkeypatch.delattr(image_files, "decode")
    found += [epoch(loader, 1), epoch(loader, 2)]
    for one, other in zip(itertools.chain(*found), itertools.chain(*expected), strict=True):
        assert one.keys() == other.keys() == {"input", "target", "index"}
        for key in one:
            assert torch.equal(one[key], other[key])
            assert one[key].dtype == other[key].dtype


def test_a_resumed_epoch_goes_on_from_the_cache(parts: Parts) -> None:
    kept = cached_parts(parts, "ram", None)
    loader = DataModule(kept, 4).train_dataloader()
    whole = [epoch(loader, number) for number in range(2)]
    again = DataModule(kept, 4).train_dataloader()
    again.load_state_dict({**loader.state_dict(), "epoch": 1, "batches": 3})
    rest = epoch(again, 1)
    assert [batch["index"].tolist() for batch in rest] == [batch["index"].tolist() for batch in whole[1][3:]]


def test_a_second_run_with_another_split_uses_the_same_cache(
    parts: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = DataModule(cached_parts(parts, "disk", str(tmp_path / "cache")), 4)
    for loader in (first.train_dataloader(), first.val_dataloader(), first.test_dataloader()):
        list(loader)
    other = ImageFolder(str(tmp_path / "root"), [6, 8], seed=5).load()
    assert other.train.paths != parts.train.paths  # type: ignore[union-attr]
    expected = [[other.train[row]["input"] for row in range(9)], [other.test[row]["input"] for row in range(3)]]  # type: ignore[index]
    kept = cached_parts(other, "disk", str(tmp_path / "cache"))
    assert "all there by now" in kept.notes[-1]
    monkeypatch.delattr(image_files, "decode")
    for part, inputs in zip((kept.train, kept.test), expected, strict=True):
        for row, image in enumerate(inputs):
            assert torch.equal(part[row]["input"], image)  # type: ignore[index]


def test_a_part_of_a_part(parts: Parts) -> None:
    kept = cached_parts(parts, "ram", None)
    data = DataModule(kept, 2, limit=3)
    batches = [epoch(loader := data.train_dataloader(), 0), epoch(loader, 0)]
    assert all(torch.equal(one["input"], other["input"]) for one, other in zip(*batches, strict=True))
    part = data.part("train")
    assert isinstance(part, CachedImages)
    assert len(part) == 3
    assert part.paths == parts.train.paths[:3]  # type: ignore[union-attr]
    assert part.targets.tolist() == parts.train.targets[:3].tolist()  # type: ignore[union-attr]
    assert part.digests.tolist() == parts.train.digests[:3].tolist()  # type: ignore[union-attr]


def test_a_broken_file_is_named_and_nothing_of_it_kept(parts: Parts) -> None:
    kept = cached_parts(parts, "ram", None)
    path: Path = kept.train.paths[4]  # type: ignore[union-attr]
    path.write_bytes(b"")
    with pytest.raises(UserError, match=f"{path.name} is empty"):
        list(DataModule(kept, 4).train_dataloader())


def test_options_without_effect_are_refused(parts: Parts) -> None:
    assert cached_parts(parts, "none", None) is parts
    assert all(not isinstance(getattr(parts, name), CachedImages) for name in PARTS)
    for cache in ("none", "ram"):
        with pytest.raises(UserError, match=f"data.cache_dir=x data.cache={cache}"):
            cached_parts(parts, cache, "x")
    with pytest.raises(UserError, match=r"data.cache=ram has no effect"):
        cached_parts(Digits().load(), "ram", None)


def test_small_sets_stay_in_memory_without_being_asked_for(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = cached_parts(parts, "auto", None)
    assert isinstance(kept.train, CachedImages)
    assert "decoded images stay in memory" in kept.notes[-1]
    for free in (None, 31 * 3 * 6 * 8 * 4):  # the 31 images that differ take a quarter of it
        monkeypatch.setattr(cached, "available_memory", lambda free=free: free)
        assert isinstance(cached_parts(parts, "auto", None).train, CachedImages)
    monkeypatch.setattr(cached, "available_memory", lambda: 31 * 3 * 6 * 8 * 4 - 1)
    assert cached_parts(parts, "auto", None) is parts
    with pytest.raises(UserError, match=r"data.cache_dir=there data.cache=auto"):
        cached_parts(parts, "auto", "there")
    others = Digits().load()
    assert cached_parts(others, "auto", None) is others  # a source of the user's own, without files of images
