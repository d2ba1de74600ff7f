from __future__ import annotations

import numpy as np
import pytest
import torch

from lossbook.data import scenes
from lossbook.data.digits import generator, handwriting
from lossbook.data.source import Parts


@pytest.fixture(scope="module")
def loaded() -> dict[str, Parts]:
    return {name: getattr(scenes, name)(0).load() for name in ("SceneLabels", "SceneCounts", "SceneMasks")}


def test_the_three_questions_are_asked_of_the_same_scenes(loaded: dict[str, Parts]) -> None:
    labels, counts, masks = loaded.values()
    assert torch.equal(labels.train["input"], masks.train["input"])
    assert torch.equal(counts.test["input"], masks.test["input"])
    present = torch.stack([(masks.val["target"] == 1 + digit).flatten(1).any(1) for digit in range(10)], 1)
    assert torch.equal(labels.val["target"], present.float())
    assert bool((counts.val["target"][:, 0] >= labels.val["target"].sum(1)).all())


def test_ink_and_mask_agree(loaded: dict[str, Parts]) -> None:
    part = loaded["SceneMasks"].train
    assert torch.equal(part["input"][:, 0] > 0, part["target"] > 0)
    assert loaded["SceneMasks"].schema.class_counts == tuple(np.bincount(part["target"].flatten(), minlength=11))


def test_the_digits_of_a_scene_stand_apart_and_are_as_many_as_counted(loaded: dict[str, Parts]) -> None:
    count = loaded["SceneCounts"].test["target"][:, 0].numpy()
    assert set(count) == {1, 2, 3, 4}
    corners = scenes._places(count.astype(int), generator(0, "test"))
    assert corners.min() >= 0
    assert corners.max() <= scenes.CANVAS - 8
    for places, number in zip(corners, count.astype(int), strict=True):
        boxes = [{(y + a, x + b) for a in range(-1, 8) for b in range(-1, 8)} for y, x in places[:number]]
        # a box with a border above and on the left meets no other exactly where one pixel stays free between them
        assert all(not boxes[i] & boxes[j] for i in range(number) for j in range(i))


def test_each_part_is_made_of_its_own_handwriting() -> None:
    source = handwriting(0)
    made = scenes.compose(source["val"], 200, generator(0, "val"))
    known = {image.tobytes() for image in source["val"].images}
    for levels in made.levels[(made.labels >= 0).sum(1) == 1]:
        windows = np.lib.stride_tricks.sliding_window_view(levels, (8, 8)).reshape(-1, 8, 8)
        assert any(window.tobytes() in known for window in np.ascontiguousarray(windows))


def test_the_same_seed_gives_the_same_scenes_on_every_machine() -> None:
    train, other = (scenes.compose(handwriting(s)["train"], 100, generator(s, "train")) for s in (0, 1))
    again = scenes.compose(handwriting(0)["train"], 100, generator(0, "train"))
    assert np.array_equal(train.levels, again.levels)
    assert not np.array_equal(train.levels, other.levels)
    assert int(train.levels.astype(np.int64).sum()) == 80877
