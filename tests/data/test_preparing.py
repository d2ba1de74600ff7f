from __future__ import annotations

import pytest
import torch
from torch import nn
from torchvision.transforms import v2

from lossbook.data.augment import EachSample, GaussianNoise, HorizontalFlip, PadCrop
from lossbook.data.augment.change import Geometric
from lossbook.data.batch_order import BatchOrder
from lossbook.data.preparing import PreparedLoader, Preparing, moved
from lossbook.data.tensor_loader import TensorLoader
from lossbook.errors import UserError
from lossbook.targets import KINDS

BYTES = torch.randint(0, 256, (6, 2, 3, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
NORMALISE = ((0.5, 0.2), (0.25, 0.5))
EXPECTED = (BYTES.double() / 255 - torch.tensor([0.5, 0.2])[:, None, None]) / torch.tensor([0.25, 0.5])[:, None, None]


def batch(column: object = BYTES) -> dict[str, object]:
    return {"input": column, "target": torch.arange(6), "index": torch.arange(6)}


def test_bytes_are_scaled_and_normalised_by_channel() -> None:
    for prepared in (Preparing(NORMALISE).training(batch()), Preparing(NORMALISE).evaluation(batch())):
        torch.testing.assert_close(prepared["input"], EXPECTED.float())
    torch.testing.assert_close(Preparing().plain(batch())["input"], BYTES.float() / 255)
    torch.testing.assert_close(Preparing(NORMALISE).plain(batch(BYTES.float() / 255))["input"], EXPECTED.float())


def test_what_needs_nothing_is_passed_on_as_it_is() -> None:
    given = batch(BYTES.float())
    assert Preparing().training(given) is given
    assert Preparing(augment=[GaussianNoise(0.1)]).evaluation(given) is given


def test_augmentation_comes_before_normalisation() -> None:
    class Black(torch.nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            assert images.max() <= 1
            return torch.zeros_like(images)

    prepared = Preparing(NORMALISE, [Black()]).training(batch())["input"]
    torch.testing.assert_close(prepared[:, :, 0, 0], torch.tensor([[-2.0, -0.4]]).repeat(6, 1))


def test_pairs_are_augmented_one_by_one() -> None:
    first, second = Preparing(augment=[GaussianNoise(0.1)]).training(batch((BYTES, BYTES)))["input"]
    assert not torch.equal(first, second)


def test_views_are_new_in_training_and_always_the_same_in_evaluation() -> None:
    preparing = Preparing(NORMALISE, [GaussianNoise(0.1)], views=2)
    training = [preparing.training(batch())["input"] for _ in range(2)]
    assert len(training[0]) == 2
    assert not torch.equal(training[0][0], training[0][1])
    assert not torch.equal(training[0][0], training[1][0])
    before = torch.get_rng_state()
    evaluation = [preparing.evaluation(batch()) for _ in range(2)]
    assert torch.equal(before, torch.get_rng_state())
    assert not torch.equal(evaluation[0]["input"][0], evaluation[0]["input"][1])
    for view, again in zip(evaluation[0]["input"], evaluation[1]["input"], strict=True):
        assert torch.equal(view, again)
    torch.testing.assert_close(evaluation[0]["clean"], EXPECTED.float())


@pytest.mark.parametrize(("dtype", "computed"), [(torch.float64, torch.float64), (torch.bfloat16, torch.float32)])
def test_numbers_are_normalised_in_float32_at_least(dtype: torch.dtype, computed: torch.dtype) -> None:
    given = (BYTES.double() / 255).to(dtype)
    prepared = Preparing(NORMALISE).plain(batch(given))["input"]
    mean, scale = torch.tensor(NORMALISE, dtype=torch.float64)[:, :, None, None]
    assert prepared.dtype == computed
    torch.testing.assert_close(prepared.double(), (given.double() - mean) / scale, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("module", "given"),
    [
        (EachSample(v2.RandomCrop(2)), "RandomCrop made 2 x 2 x 2 of 2 x 3 x 3"),
        (EachSample(v2.RandomResize(2, 5)), "RandomResize made 2 x"),
        (nn.Flatten(), "Flatten made 6 x 18 of 6 x 2 x 3 x 3"),
        (nn.Identity(), ""),
        (EachSample(v2.RandomResizedCrop(3)), ""),
    ],
    ids=lambda value: type(value).__name__,
)
def test_augmentation_that_changes_the_shape_is_refused(module: nn.Module, given: str) -> None:
    preparing = Preparing(NORMALISE, [module])
    if not given:
        assert preparing.training(batch())["input"].shape == BYTES.shape
        return
    with pytest.raises(UserError, match=rf"^data.augment: {given}.*\n  Augmentation keeps the shape"):
        preparing.training(batch())


def test_a_gallery_is_ready_for_the_model_and_not_augmented() -> None:
    preparing = Preparing(NORMALISE, [GaussianNoise(0.1)], views=2)
    loader = TensorLoader({"input": BYTES, "target": torch.arange(6)}, BatchOrder(6, 4))
    gallery = PreparedLoader(loader, preparing.plain, torch.device("cpu"))
    assert len(gallery) == 2
    torch.testing.assert_close(torch.cat([b["input"] for b in gallery]), EXPECTED.float())


def test_a_batch_moves_only_where_it_is_not_yet() -> None:
    given = {"input": (torch.zeros(2), torch.ones(2)), "index": torch.arange(2)}
    assert moved(given, torch.device("cpu")) is given
    there = moved(given, torch.device("meta"))
    assert [tensor.device.type for tensor in (*there["input"], there["index"])] == ["meta"] * 3


def test_masks_follow_their_images_and_are_ignored_outside() -> None:
    mask = torch.randint(0, 5, (30, 9, 7))
    given = {"input": mask[:, None] / 8, "target": mask.to(torch.uint8), "index": torch.arange(30)}
    preparing = Preparing(
        augment=[HorizontalFlip(), PadCrop(2), GaussianNoise(1e-6)], following={"target": KINDS["mask"]}
    )
    prepared = preparing.training(given)
    inside = prepared["target"] != -100
    assert 0.5 < inside.float().mean() < 0.95
    torch.testing.assert_close(prepared["input"][:, 0][inside], prepared["target"][inside] / 8, atol=1e-4, rtol=0)
    assert prepared["input"][:, 0][~inside].abs().max() < 1e-4
    assert not torch.equal(prepared["target"], mask)
    preparing.outside["target"] = 255
    assert 255 in preparing.training(given)["target"]
    assert preparing.evaluation(given)["target"] is given["target"]


@pytest.mark.parametrize("made", [HorizontalFlip(), PadCrop(3)])
def test_what_moves_pixels_alone_is_given_bytes(made: Geometric) -> None:
    images = torch.randint(0, 256, (9, 3, 8, 8), dtype=torch.uint8)
    preparing = Preparing(((0.5,) * 3, (0.2,) * 3), [made, GaussianNoise(1e-9)])
    found, floats = [], []
    for given in (images, images.float() / 255):
        torch.manual_seed(0)
        found.append(preparing.training({"input": given})["input"])
        torch.manual_seed(0)
        floats.append(made(given))
    torch.testing.assert_close(*found)
    assert floats[0].dtype == torch.uint8
    assert torch.equal(floats[0].float() / 255, floats[1])
