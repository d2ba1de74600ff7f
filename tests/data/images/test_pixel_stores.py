from __future__ import annotations

import multiprocessing
import os
import pickle
import resource
import threading
from pathlib import Path

import numpy as np
import pytest

from lossbook.data.images import pixel_stores
from lossbook.data.images.format import ImageFormat
from lossbook.data.images.pixel_stores import DiskStore, PixelStore, RamStore, cache_folder, disk_store
from lossbook.errors import UserError

FORM = ImageFormat(3, (4, 5))


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Finish a store before ``write`` returns, so that what follows finds it complete."""
    monkeypatch.setattr(threading.Thread, "start", threading.Thread.run)


DIGESTS = np.arange(10, dtype=np.uint64)
IMAGES = np.random.default_rng(0).integers(0, 256, (10, *FORM.shape), dtype=np.uint8)


def test_rows_come_back_as_they_were_written(tmp_path: Path) -> None:
    for store in (RamStore(10, FORM), disk_store(tmp_path, DIGESTS, FORM)):
        assert not store.holds(np.array([3]))
        store.write(np.array([3, 1]), IMAGES[[3, 1]])
        assert store.holds(np.array([1, 3, 3]))
        assert not store.holds(np.array([1, 2]))
        np.testing.assert_array_equal(store.read(np.array([1, 3, 1])), IMAGES[[1, 3, 1]])
        store.write(np.arange(10), IMAGES)
        np.testing.assert_array_equal(store.read(np.arange(10)), IMAGES)
        assert store.size == 600
        assert store.read(np.arange(0)).shape == (0, 3, 4, 5)


def test_a_second_run_finds_what_the_first_has_left(tmp_path: Path) -> None:
    first = disk_store(tmp_path, DIGESTS, FORM)
    first.write(np.arange(4), IMAGES[:4])
    second = disk_store(tmp_path, DIGESTS, FORM)
    assert (second.present, second.complete) == (4, False)
    second.write(np.arange(4, 10), IMAGES[4:])  # while the first is still there
    assert second.complete
    assert first.holds(np.arange(10))
    third = disk_store(tmp_path, DIGESTS, FORM)
    assert third.complete
    np.testing.assert_array_equal(third.read(np.arange(10)), IMAGES)


@pytest.mark.parametrize(
    "other", [ImageFormat(3, (5, 4)), ImageFormat(3, (4, 5), "pad"), ImageFormat(3, (4, 5), "crop", 12)]
)
def test_another_format_or_content_has_another_store(tmp_path: Path, other: ImageFormat) -> None:
    disk_store(tmp_path, DIGESTS, FORM).write(np.arange(10), IMAGES)
    assert disk_store(tmp_path, DIGESTS, other).present == 0
    changed = DIGESTS.copy()
    changed[5] = 99
    assert disk_store(tmp_path, changed, FORM).present == 0
    assert disk_store(tmp_path, DIGESTS[:9], FORM).present == 0


def test_pixels_that_never_reached_the_disk_are_forgotten(tmp_path: Path) -> None:
    store = disk_store(tmp_path, DIGESTS, FORM)
    store.write(np.arange(9), IMAGES[:9])
    with open(store.folder / "pixels", "r+b") as file:
        file.seek(3 * 60 + 7)
        file.write(b"\0" * 20)
    again = disk_store(tmp_path, DIGESTS, FORM)
    assert again.present == 8
    assert not again.holds(np.array([3]))
    again.write(np.array([3]), IMAGES[[3]])
    np.testing.assert_array_equal(again.read(np.arange(9)), IMAGES[:9])


def test_a_store_that_was_half_made_is_made_anew(tmp_path: Path) -> None:
    folder = disk_store(tmp_path, DIGESTS, FORM).folder
    (folder / "about.json").unlink()
    (folder / "checksums").unlink()
    disk_store(tmp_path, DIGESTS, FORM).write(np.arange(10), IMAGES)
    assert disk_store(tmp_path, DIGESTS, FORM).complete


def _fill(folder: Path, rows: np.ndarray) -> None:
    store = disk_store(folder, DIGESTS, FORM)
    for _ in range(20):
        for row in rows:
            store.write(np.array([row]), IMAGES[[row]])


@pytest.mark.slow
def test_several_processes_fill_one_store(tmp_path: Path) -> None:
    fork = multiprocessing.get_context("spawn")
    both = [fork.Process(target=_fill, args=(tmp_path, rows)) for rows in (np.arange(7), np.arange(9, 2, -1))]
    for process in both:
        process.start()
    for process in both:
        process.join()
    store = disk_store(tmp_path, DIGESTS, FORM)
    assert store.complete
    np.testing.assert_array_equal(store.read(np.arange(10)), IMAGES)


def test_a_forked_process_has_a_place_of_its_own_in_the_file(tmp_path: Path) -> None:
    store = disk_store(tmp_path, DIGESTS, FORM)
    store.write(np.arange(10), IMAGES)
    if (child := os.fork()) == 0:
        same = all(np.array_equal(store.read(np.array([row]))[0], IMAGES[row]) for row in range(10) for _ in range(99))
        os._exit(0 if same else 1)
    for _ in range(99):
        for row in range(9, -1, -1):
            np.testing.assert_array_equal(store.read(np.array([row]))[0], IMAGES[row])
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_worker_gets_the_file_but_not_the_memory(tmp_path: Path) -> None:
    stores: list[PixelStore] = [disk_store(tmp_path, DIGESTS, FORM), RamStore(10, FORM)]
    for store, there in zip(stores, (True, False), strict=True):
        store.write(np.arange(10), IMAGES)
        written = pickle.dumps(store)
        assert len(written) < 600
        copy = pickle.loads(written)
        assert copy.holds(np.array([3])) is there
    assert isinstance(stores[0], DiskStore)


def test_reading_takes_no_memory_that_grows_with_the_file(tmp_path: Path) -> None:
    form = ImageFormat(3, (256, 256))
    store = disk_store(tmp_path, np.arange(300, dtype=np.uint64), form)  # 59 MB
    image = np.ones((1, *form.shape), np.uint8)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for row in range(300):
        store.write(np.array([row]), image)
        store.read(np.array([row]))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000  # KB


def test_what_does_not_fit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixel_stores, "available_memory", lambda: 500)
    with pytest.raises(UserError, match=r"data.cache=ram\n.*10 images of 3 x 4 x 5 take 0.0 MB.*\n.*data.cache=disk"):
        RamStore(10, FORM)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(UserError, match=r"cannot be written \(No space left on device\)"):
        disk_store(tmp_path, DIGESTS, FORM)
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cache"):
        disk_store(tmp_path / "file", DIGESTS, FORM)


def test_the_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache_folder("~/x") == Path.home() / "x"
    monkeypatch.setattr(pixel_stores.sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", "/there")
    assert cache_folder(None) == Path("/there/lossbook/images")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder(None) == Path.home() / ".cache/lossbook/images"
