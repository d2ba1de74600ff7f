from __future__ import annotations

import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from lossbook.data.torchvision_images import TorchvisionImages, channel_statistics
from lossbook.errors import UserError


def write_idx(path: Path, array: np.ndarray) -> None:
    """The format of http://yann.lecun.com/exdb/mnist: two zeros, type 8 (byte), dimensions, sizes, values."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes())


def write_mnist(root: Path, name: str = "MNIST") -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    arrays = {}
    for part, count in (("train", 100), ("t10k", 30)):
        arrays[part] = random.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        arrays[part, "labels"] = (np.arange(count) % 10).astype(np.uint8)
        write_idx(root / name / "raw" / f"{part}-images-idx3-ubyte", arrays[part])
        write_idx(root / name / "raw" / f"{part}-labels-idx1-ubyte", arrays[part, "labels"])
    return arrays


@pytest.mark.parametrize("name", ["MNIST", "FashionMNIST"])
def test_mnist_files_become_three_parts(tmp_path: Path, name: str) -> None:
    arrays = write_mnist(tmp_path, name)
    parts = TorchvisionImages(name, str(tmp_path), validation=20).load()
    assert [len(part["target"]) for part in (parts.train, parts.val, parts.test)] == [80, 20, 30]
    assert np.bincount(parts.val["target"]).tolist() == [2] * 10
    same = (parts.test["input"].numpy() == arrays["t10k"]).all((2, 3))  # (here, there)
    places = same.argmax(1).tolist()
    assert sorted(places) == list(range(30))
    assert places != sorted(places)  # in random order, for data.limit
    assert parts.test["target"].tolist() == arrays["t10k", "labels"][places].tolist()
    own = {image.numpy().tobytes() for part in (parts.train, parts.val) for image in part["input"]}
    assert own == {image.tobytes() for image in arrays["train"]}
    assert parts.train["input"].dtype == torch.uint8
    assert parts.schema.input_shape == (1, 28, 28)
    assert parts.schema.class_names[7] == {"MNIST": "7", "FashionMNIST": "Sneaker"}[name]
    assert parts.schema.class_counts == (8,) * 10
    values = parts.train["input"].double() / 255
    assert parts.normalise is not None
    assert parts.normalise[0] == pytest.approx([values.mean().item()])
    assert parts.normalise[1] == pytest.approx([values.std(correction=0).item()])


def test_cifar_files_become_channels_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision.datasets import CIFAR10

    monkeypatch.setattr(CIFAR10, "_check_integrity", lambda self: True)  # the real files' MD5 sums
    monkeypatch.setattr(CIFAR10, "_load_meta", lambda self: setattr(self, "classes", [f"c{i}" for i in range(10)]))
    folder = tmp_path / CIFAR10.base_folder
    folder.mkdir()
    image = np.arange(3 * 32 * 32) % 251
    for name, _ in CIFAR10.train_list + CIFAR10.test_list:
        data = np.tile(image.astype(np.uint8), (10, 1))
        (folder / name).write_bytes(pickle.dumps({"data": data, "labels": list(range(10))}))
    parts = TorchvisionImages("CIFAR10", str(tmp_path), validation=10).load()
    assert torch.equal(parts.train["input"][0].flatten(), torch.from_numpy(image.astype(np.uint8)))
    assert parts.train["input"].shape == (40, 3, 32, 32)
    assert parts.normalise is not None
    assert len(parts.normalise[0]) == 3


def test_channel_statistics_are_exact() -> None:
    images = torch.randint(0, 256, (5000, 3, 2, 2), dtype=torch.uint8)
    mean, scale = channel_statistics(images)
    values = images.double() / 255
    assert mean == pytest.approx(values.mean((0, 2, 3)).tolist())
    assert scale == pytest.approx(values.std((0, 2, 3), correction=0).tolist())


def test_missing_and_broken_files_are_refused_with_the_fix(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"(?s)is not a folder.*data.root=PATH, or data.download=true"):
        TorchvisionImages("MNIST", str(tmp_path / "nowhere")).load()
    with pytest.raises(UserError, match=r"(?s)holds no readable CIFAR10.*data.download=true"):
        TorchvisionImages("CIFAR10", str(tmp_path)).load()
    write_mnist(tmp_path)
    path = tmp_path / "MNIST/raw/train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(UserError, match="holds no readable MNIST"):
        TorchvisionImages("MNIST", str(tmp_path)).load()


def test_a_download_that_fails_is_refused_with_its_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision.datasets import MNIST

    def fail(self: MNIST) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(MNIST, "download", fail)
    with pytest.raises(UserError, match=r"(?s)could not be downloaded or read: no route to host.*check the network"):
        TorchvisionImages("MNIST", str(tmp_path), download=True).load()


@pytest.mark.parametrize("validation", [0, 100, 5000])
def test_validation_must_leave_training_samples(tmp_path: Path, validation: int) -> None:
    write_mnist(tmp_path)
    with pytest.raises(UserError, match=f"data.source.validation={validation}"):
        TorchvisionImages("MNIST", str(tmp_path), validation=validation).load()
