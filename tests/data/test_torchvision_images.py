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


def test_a_name_that_is_not_a_variant_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"(?s)data.variant=ballanced.*EMNIST comes as.*data.variant=balanced"):
        TorchvisionImages("EMNIST", str(tmp_path), variant="ballanced").load()
    with pytest.raises(UserError, match="KMNIST has no variants"):
        TorchvisionImages("KMNIST", str(tmp_path), variant="x").load()


@pytest.mark.parametrize("variant", ["letters", "digits"])
def test_emnist_is_upright_and_its_letters_begin_at_zero(tmp_path: Path, variant: str) -> None:
    images = np.random.default_rng(0).integers(0, 256, (30, 28, 28), dtype=np.uint8)
    labels = (np.arange(30) % 10 + (variant == "letters")).astype(np.uint8)
    for part in ("train", "test"):
        start = tmp_path / "EMNIST" / "raw" / f"emnist-{variant}-{part}"
        write_idx(start.with_name(f"{start.name}-images-idx3-ubyte"), images)
        write_idx(start.with_name(f"{start.name}-labels-idx1-ubyte"), labels)
    parts = TorchvisionImages("EMNIST", str(tmp_path), validation=10, variant=variant).load()
    assert parts.schema.class_names[:2] == (("a", "b") if variant == "letters" else ("0", "1"))
    assert parts.schema.classes == (26 if variant == "letters" else 10)
    upright = images.transpose(0, 2, 1)
    for image, label in zip(parts.test["input"][:, 0].numpy(), parts.test["target"].tolist(), strict=True):
        (row,) = np.flatnonzero((upright == image).all((1, 2)))
        assert label == row % 10


def test_qmnist_gives_its_class_alone(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (30, 28, 28), dtype=np.uint8)
    labels = np.stack([np.arange(30) % 10, *np.full((7, 30), 99)], 1).astype(">i4")
    for part in ("train", "test"):
        write_idx(tmp_path / "QMNIST" / "raw" / f"qmnist-{part}-images-idx3-ubyte", images)
        header = struct.pack(">HBB2I", 0, 12, 2, 30, 8)  # type 12: whole numbers of four bytes
        (tmp_path / "QMNIST" / "raw" / f"qmnist-{part}-labels-idx2-int").write_bytes(header + labels.tobytes())
    parts = TorchvisionImages("QMNIST", str(tmp_path), validation=10).load()
    assert np.bincount(parts.test["target"]).tolist() == [3] * 10
    assert parts.schema.class_names == tuple("0123456789")


def test_usps_is_read_from_its_text(tmp_path: Path) -> None:
    import bz2

    random = np.random.default_rng(0)
    for name, count in (("usps.bz2", 40), ("usps.t.bz2", 20)):
        lines = [
            f"{n % 10 + 1} "
            + " ".join(f"{place + 1}:{value:.3f}" for place, value in enumerate(random.uniform(-1, 1, 256)))
            for n in range(count)
        ]
        (tmp_path / name).write_bytes(bz2.compress("\n".join(lines).encode()))
    parts = TorchvisionImages("USPS", str(tmp_path), validation=10).load()
    assert parts.train["input"].shape == (30, 1, 16, 16)
    assert sorted(parts.test["target"].tolist()) == sorted([*range(10)] * 2)


def test_svhn_calls_zero_zero(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from scipy.io import savemat
    from torchvision.datasets import SVHN

    monkeypatch.setattr(SVHN, "_check_integrity", lambda self: True)  # the real files' MD5 sums
    images = np.random.default_rng(0).integers(0, 256, (32, 32, 3, 20), dtype=np.uint8)
    labels = (np.arange(20) % 10 + 1).astype(np.uint8)[:, None]  # 10 stands for 0
    for part in ("train", "test"):
        savemat(tmp_path / f"{part}_32x32.mat", {"X": images, "y": labels})
    parts = TorchvisionImages("SVHN", str(tmp_path), validation=10).load()
    assert parts.schema.input_shape == (3, 32, 32)
    zeros = parts.test["input"][parts.test["target"] == 0].numpy()
    assert {one.tobytes() for one in zeros} == {images[..., k].transpose(2, 0, 1).tobytes() for k in (9, 19)}


def test_stl10_is_upright(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision.datasets import STL10

    monkeypatch.setattr(STL10, "_check_integrity", lambda self: True)  # the real files' MD5 sums
    folder = tmp_path / STL10.base_folder
    folder.mkdir()
    (folder / "class_names.txt").write_text("\n".join(f"c{k}" for k in range(10)) + "\n")
    images = np.random.default_rng(0).integers(0, 256, (20, 3, 96, 96), dtype=np.uint8)  # columns of pixels
    for part in ("train", "test"):
        images.tofile(folder / f"{part}_X.bin")
        (np.arange(20) % 10 + 1).astype(np.uint8).tofile(folder / f"{part}_y.bin")
    parts = TorchvisionImages("STL10", str(tmp_path), validation=10).load()
    assert parts.schema.class_names[3] == "c3"
    first = parts.test["input"][0].numpy()
    assert any((first == image.transpose(0, 2, 1)).all() for image in images)
