"""A checkpoint on data that is its own, changed, or another: right, or refused; against numpy and scikit-learn."""

from __future__ import annotations

import runpy
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.metrics import accuracy_score, mean_absolute_error, r2_score

import lossbook
from lossbook.data.images.folder import ImageFolder
from lossbook.errors import UserError

ROWS = 240
BY_HAND = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "robustness_by_hand.py"))
SHORT = ("trainer=cpu", "logger=none", "model.dropout=0")
KINDS = {"class": "cross_entropy", "multilabel": "bce_logits", "value": "mse", "count": "poisson_nll"}


class Sheet:
    """A table with two features and the targets of a kind, and what a checkpoint trained on it predicts by hand."""

    def __init__(self, kind: str, path: Path) -> None:
        random = np.random.Generator(np.random.PCG64(5))
        self.kind, self.path = kind, path
        self.x = random.normal((3.0, -20.0), (1.0, 7.0), (ROWS, 2))
        z = (self.x - (3.0, -20.0)) / (1.0, 7.0)
        self.y: Any = {
            "class": np.where(z[:, 0] > 0.5, "owl", np.where(z[:, 1] > 0, "dog", "cat")),
            "multilabel": (z > 0).astype(int),
            "value": 500 + 100 * z[:, 0] + random.normal(size=ROWS),
            "count": random.poisson(np.exp(3 + z[:, 0] / 2)),
        }[kind]
        self.targets = ["left", "right"] if kind == "multilabel" else ["y"]
        self.write(path)

    def write(
        self, path: Path, rows: Any = slice(None), columns: tuple[str, ...] = ("x0", "x1"), y: Any = None
    ) -> Path:
        """Some rows, with some columns of numbers before the targets."""
        y = (self.y if y is None else y)[rows].reshape(-1, len(self.targets))
        values = {"x0": self.x[rows, 0], "x1": self.x[rows, 1], "more": np.arange(len(y))[::-1] % 7}
        lines = [",".join((*columns, *self.targets))]
        for row in range(len(y)):
            lines.append(",".join([*(repr(float(values[name][row])) for name in columns), *map(str, y[row])]))
        path.write_text("\n".join(lines) + "\n")
        return path

    def train(self, folder: Path) -> Path:
        """A checkpoint of a short run."""
        names = ",".join(self.targets)
        data = ["data=csv", f"data.root={self.path}", f"data.target={self.kind}", f"data.target_columns=[{names}]"]
        config = lossbook.compose(f"loss={KINDS[self.kind]}", *data, "trainer.max_epochs=8", *SHORT)
        lossbook.train(config, folder)
        return folder / "checkpoints" / "best.ckpt"

    def by_hand(self, ckpt: Path, rows: np.ndarray, y: Any = None) -> dict[str, float]:
        """Metrics of these rows, from the weights and the training part alone."""
        weights, parts = BY_HAND["weights"](ckpt)
        train = parts["train"]
        z = (self.x - self.x[train].mean(0)) / self.x[train].std(0)
        output = BY_HAND["outputs"](weights, z[rows])
        y = (self.y if y is None else y)[rows]
        if self.kind == "class":
            return {"acc": accuracy_score(y, np.array(["cat", "dog", "owl"])[output.argmax(1)])}
        if self.kind == "multilabel":
            return {"acc": accuracy_score(y, output > 0)}
        target = self.y[train].astype(float)
        if self.kind == "value":
            predicted = output[:, 0] * target.std() + target.mean()
            return {"mae": mean_absolute_error(y, predicted), "r2": r2_score(y, predicted)}
        return {"mae": mean_absolute_error(y, np.exp(output[:, 0] + np.log(target.mean())))}

    def test_rows(self, ckpt: Path) -> np.ndarray:
        return torch.load(ckpt, weights_only=True)["lossbook"]["data"]["known"]["parts"]["test"].numpy()


@pytest.fixture(scope="module", params=KINDS)
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Sheet, Path]:
    folder = tmp_path_factory.mktemp(request.param)
    sheet = Sheet(request.param, folder / "a.csv")
    return sheet, sheet.train(folder / "run")


@pytest.fixture(scope="module")
def animals(tmp_path_factory: pytest.TempPathFactory) -> tuple[Sheet, Path]:
    folder = tmp_path_factory.mktemp("animals")
    sheet = Sheet("class", folder / "a.csv")
    return sheet, sheet.train(folder / "run")


def evaluated(ckpt: Path, root: Path, *more: str) -> dict[str, float]:
    return lossbook.evaluate(lossbook.compose(f"ckpt={ckpt}", f"data.root={root}", *more))


Change = Callable[[Sheet, Path, np.ndarray], tuple[Path, np.ndarray]]


def _itself(sheet: Sheet, path: Path, test: np.ndarray) -> tuple[Path, np.ndarray]:
    return sheet.path, test


def _renamed(sheet: Sheet, path: Path, test: np.ndarray) -> tuple[Path, np.ndarray]:
    return sheet.write(path), test


def _other_order(sheet: Sheet, path: Path, test: np.ndarray) -> tuple[Path, np.ndarray]:
    return sheet.write(path, np.random.Generator(np.random.PCG64(0)).permutation(ROWS)), test


def _columns_swapped(sheet: Sheet, path: Path, test: np.ndarray) -> tuple[Path, np.ndarray]:
    return sheet.write(path, columns=("more", "x1", "x0")), test


def _rows_deleted(sheet: Sheet, path: Path, test: np.ndarray) -> tuple[Path, np.ndarray]:
    gone = {*test[:3].tolist(), 0, 1, 2}
    return sheet.write(path, np.array([row for row in range(ROWS) if row not in gone])), test[
        [row not in gone for row in test.tolist()]
    ]


def _training_rows_deleted(sheet: Sheet, path: Path, test: np.ndarray) -> tuple[Path, np.ndarray]:
    return sheet.write(path, np.sort(test)), test


@pytest.mark.parametrize(
    "change", [_itself, _renamed, _other_order, _columns_swapped, _rows_deleted, _training_rows_deleted]
)
def test_its_own_samples_are_found_again_and_those_of_its_test_part_are_scored(
    trained: tuple[Sheet, Path], change: Change, tmp_path: Path
) -> None:
    sheet, ckpt = trained
    root, rows = change(sheet, tmp_path / "other.csv", sheet.test_rows(ckpt))
    found = evaluated(ckpt, root)
    for name, value in sheet.by_hand(ckpt, rows).items():
        assert found[f"test/{name}"] == pytest.approx(value, rel=1e-4), name


def test_new_rows_are_scored_beside_the_test_part(trained: tuple[Sheet, Path], tmp_path: Path) -> None:
    sheet, ckpt = trained
    more = Sheet(sheet.kind, tmp_path / "more.csv")
    more.x += 0.01  # other rows, whose targets are the same
    both = sheet.write(tmp_path / "both.csv")
    both.write_text(both.read_text() + more.write(tmp_path / "new.csv").read_text().partition("\n")[2])
    new, test = np.arange(ROWS), sheet.test_rows(ckpt)
    joined = Sheet(sheet.kind, tmp_path / "joined.csv")
    joined.x, joined.y = np.concatenate([sheet.x, more.x]), np.concatenate([sheet.y, more.y])
    for root, rows in ((both, np.concatenate([test, ROWS + new])), (tmp_path / "new.csv", ROWS + new)):
        found = evaluated(ckpt, root)
        for name, value in joined.by_hand(ckpt, rows).items():
            assert found[f"test/{name}"] == pytest.approx(value, rel=1e-4), (root, name)


def test_targets_that_moved_are_judged_in_the_units_that_it_was_trained_in(tmp_path: Path) -> None:
    sheet = Sheet("value", tmp_path / "a.csv")
    ckpt = sheet.train(tmp_path / "run")
    moved = sheet.y + 1000
    found = evaluated(ckpt, sheet.write(tmp_path / "b.csv", y=moved))
    expected = sheet.by_hand(ckpt, sheet.test_rows(ckpt), moved)["mae"]
    assert found["test/mae"] == pytest.approx(expected, rel=1e-4)
    assert expected > 900


@pytest.mark.parametrize(
    ("columns", "text", "said"),
    [
        (("x0",), "", "no column x1"),
        (("x0", "x1"), "\n1.0,2.0,emu", "emu"),
    ],
)
def test_what_it_does_not_know_is_refused(
    tmp_path: Path, columns: tuple[str, ...], text: str, said: str, animals: tuple[Sheet, Path]
) -> None:
    sheet, ckpt = animals
    path = sheet.write(tmp_path / "b.csv", columns=columns)
    path.write_text(path.read_text().rstrip() + text + "\n")
    with pytest.raises(UserError) as caught:
        evaluated(ckpt, path)
    assert said in str(caught.value)


def test_rows_of_one_class_are_scored_whole(animals: tuple[Sheet, Path], tmp_path: Path) -> None:
    sheet, ckpt = animals
    other = Sheet("class", tmp_path / "b.csv")
    other.x += 0.01
    rows = np.flatnonzero(other.y == "dog")
    found = evaluated(ckpt, other.write(tmp_path / "dogs.csv", rows))
    other_hand = Sheet("class", tmp_path / "c.csv")
    other_hand.x, other_hand.y = np.concatenate([sheet.x, other.x]), np.concatenate([sheet.y, other.y])
    assert found["test/acc"] == pytest.approx(other_hand.by_hand(ckpt, ROWS + rows)["acc"])


def test_a_new_column_is_not_passed_over_in_training(animals: tuple[Sheet, Path], tmp_path: Path) -> None:
    sheet, ckpt = animals
    root = sheet.write(tmp_path / "b.csv", columns=("x0", "more", "x1"))
    overrides = [f"ckpt={ckpt}", f"data.root={root}", "trainer.max_epochs=9"]
    with pytest.raises(UserError, match="has the additional columns more") as caught:
        lossbook.train(lossbook.compose(*overrides), tmp_path / "run")
    typed = caught.value.problems[0].fix.partition(" ")[0]
    lossbook.train(lossbook.compose(*overrides, typed), tmp_path / "run")


def test_another_seed_would_change_nothing_and_is_refused(animals: tuple[Sheet, Path]) -> None:
    sheet, ckpt = animals
    with pytest.raises(UserError, match=r"data\.seed=1\n.*no effect"):
        evaluated(ckpt, sheet.path, "data.seed=1")


def test_a_resumed_run_keeps_every_row_in_its_part(trained: tuple[Sheet, Path], tmp_path: Path) -> None:
    sheet, ckpt = trained
    before = torch.load(ckpt.with_name("last.ckpt"), weights_only=True)["lossbook"]["data"]
    rows = np.random.Generator(np.random.PCG64(1)).permutation(ROWS)[5:]
    root = sheet.write(tmp_path / "b.csv", rows)
    overrides = [f"ckpt={ckpt.with_name('last.ckpt')}", f"data.root={root}", "trainer.max_epochs=9"]
    lossbook.train(lossbook.compose(*overrides), tmp_path / "run")
    after = torch.load(tmp_path / "run/checkpoints/last.ckpt", weights_only=True)["lossbook"]["data"]
    assert after["inputs"]["features"] == before["inputs"]["features"]
    assert {**after["targets"]["target"]} == before["targets"]["target"]
    for part in ("train", "val", "test"):
        old = set(before["known"]["parts"][part].tolist()) & set(rows.tolist())
        assert set(rows[after["known"]["parts"][part].numpy()].tolist()) == old


def _images(folder: Path, classes: tuple[str, ...], count: int = 20, first: int = 0) -> None:
    random = np.random.Generator(np.random.PCG64(first))
    for number, name in enumerate(("blue", "green", "red")):
        for place in range(count if name in classes else 0):
            pixels = random.integers(0, 90, (12, 12, 3), dtype=np.uint8)
            pixels[..., 2 - number] += 120
            (folder / name).mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(folder / name / f"{first + place}.png")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("photos")
    _images(folder / "own", ("blue", "green", "red"))
    data = ["data=image_folder", f"data.root={folder / 'own'}", "data.image_size=8", "trainer.max_epochs=4"]
    lossbook.train(lossbook.compose(*data, *SHORT[:2], "model=mlp", "model.dropout=0"), folder / "run")
    return folder / "own", folder / "run" / "checkpoints" / "best.ckpt"


def _predicted(ckpt: Path, paths: list[Path]) -> list[str]:
    """The classes of images, from pixels and weights alone."""
    output = BY_HAND["outputs"](BY_HAND["weights"](ckpt)[0], BY_HAND["pixels"](paths, 8))
    return [("blue", "green", "red")[row] for row in output.argmax(1)]


def test_images_are_known_by_content_and_classes_by_name(photos: tuple[Path, Path], tmp_path: Path) -> None:
    own, ckpt = photos
    test = list(ImageFolder(str(own), image_size=8).load().test.paths)  # type: ignore[union-attr]
    shutil.copytree(own, tmp_path / "moved")
    for number, path in enumerate(sorted((tmp_path / "moved" / "green").iterdir())):
        path.rename(path.with_name(f"x{number}.png"))
    shutil.copytree(tmp_path / "moved", tmp_path / "fewer")
    shutil.rmtree(tmp_path / "fewer" / "blue")
    for root, scored in (
        (own, test),
        (tmp_path / "moved", test),
        (tmp_path / "fewer", [path for path in test if path.parent.name != "blue"]),
    ):
        right = [name == path.parent.name for name, path in zip(_predicted(ckpt, scored), scored, strict=True)]
        assert evaluated(ckpt, root)["test/acc"] == pytest.approx(np.mean(right)), root


def test_new_images_are_scored_whole_and_those_of_a_test_folder_alone(
    photos: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, ckpt = photos
    _images(tmp_path / "new", ("green", "red"), count=5, first=100)
    _images(tmp_path / "parts" / "Test", ("red",), count=4, first=200)
    for root, count in ((tmp_path / "new", 10), (tmp_path / "parts", 4)):
        paths = sorted(root.rglob("*.png"))
        right = [name == path.parent.name for name, path in zip(_predicted(ckpt, paths), paths, strict=True)]
        assert evaluated(ckpt, root)["test/acc"] == pytest.approx(np.mean(right))
        assert f"{count} samples of the test part are scored" in capsys.readouterr().out


def test_a_class_that_it_does_not_know_is_refused(photos: tuple[Path, Path], tmp_path: Path) -> None:
    own, ckpt = photos
    shutil.copytree(own, tmp_path / "more")
    shutil.copytree(own / "red", tmp_path / "more" / "pink")
    with pytest.raises(UserError, match="pink, which the checkpoint does not know"):
        evaluated(ckpt, tmp_path / "more")


TURNED = '''
from dataclasses import dataclass, replace

import torch

from lossbook.build import target
from lossbook.data.source import Source


@dataclass(frozen=True)
class Turned(Source):
    """A packaged set whose classes are numbered the other way round."""

    of: str
    seed: int = 0

    def load(self):
        parts = target(self.of)(self.seed).load()
        schema, last = parts.schema, parts.schema.classes - 1
        names = tuple(reversed(schema.class_names))
        turned = {}
        for name in ("train", "val", "test"):
            part = dict(getattr(parts, name))
            y = part["target"]
            if schema.target in ("multilabel", "distribution"):
                part["target"] = y.flip(1)
            else:
                part["target"] = torch.where(y >= 0, last - y, y)
            turned[name] = part
        alphabet = tuple(reversed(schema.alphabet))
        counts = tuple(reversed(schema.class_counts))
        schema = replace(schema, class_names=names, alphabet=alphabet, class_counts=counts)
        return replace(parts, schema=schema, **turned)
'''


@pytest.mark.parametrize(
    ("loss", "data", "source"),
    [
        ("cross_entropy", "digits", "digits.Digits"),
        ("cross_entropy", "scene_masks", "scenes.SceneMasks"),
        ("bce_logits", "scene_labels", "scenes.SceneLabels"),
        ("kl_div", "digit_mixtures", "digit_mixtures.DigitMixtures"),
        ("ctc", "digit_lines", "digit_lines.DigitLines"),
    ],
)
def test_data_whose_classes_are_numbered_otherwise_gives_the_same_metrics(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loss: str, data: str, source: str
) -> None:
    (tmp_path / "turned_sets.py").write_text(TURNED)
    monkeypatch.syspath_prepend(str(tmp_path))
    short = ["data.limit=40", "trainer.max_epochs=1", *SHORT[:2]]
    metrics = lossbook.train(lossbook.compose(f"loss={loss}", f"data={data}", *short), tmp_path / "run")
    ckpt = tmp_path / "run/checkpoints/best.ckpt"
    turned = ["data.source._target_=turned_sets.Turned", f"+data.source.of=lossbook.data.{source}"]
    found = lossbook.evaluate(lossbook.compose(f"ckpt={ckpt}", *turned, "+trust=[turned_sets.Turned]"))
    for tag, value in found.items():
        assert value == pytest.approx(metrics[tag], rel=1e-5), tag


@pytest.mark.parametrize("data", ["digits", "digit_pairs", "digit_triplets", "digit_views"])
def test_a_split_that_is_drawn_anew_is_refused(tmp_path: Path, data: str) -> None:
    loss = {"digits": "nll", "digit_pairs": "cosine_embedding", "digit_triplets": "triplet_margin"}.get(
        data, "info_nce"
    )
    short = ["data.limit=40", "trainer.max_epochs=1", *SHORT[:2]]
    metrics = lossbook.train(lossbook.compose(f"loss={loss}", f"data={data}", *short), tmp_path / "run")
    ckpt = tmp_path / "run/checkpoints/best.ckpt"
    found = lossbook.evaluate(lossbook.compose(f"ckpt={ckpt}"))
    assert found == pytest.approx({tag: value for tag, value in metrics.items() if tag.startswith("test/")})
    with pytest.raises(UserError, match="parts were drawn"):
        lossbook.evaluate(lossbook.compose(f"ckpt={ckpt}", "data.seed=1"))


def test_a_checkpoint_of_before_is_evaluated_and_resumed_and_its_data_said_to_be_unknown(
    animals: tuple[Sheet, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet, ckpt = animals
    for name in ("best", "last"):
        content = torch.load(ckpt.with_name(f"{name}.ckpt"), weights_only=True)
        del content["lossbook"]["data"]
        torch.save(content, tmp_path / f"{name}.ckpt")
    assert evaluated(tmp_path / "best.ckpt", sheet.path) == evaluated(ckpt, sheet.path)
    assert capsys.readouterr().out.count("it does not know its data") == 1
    weights = []
    for number, path in enumerate((ckpt.with_name("last.ckpt"), tmp_path / "last.ckpt")):
        lossbook.train(lossbook.compose(f"ckpt={path}", "trainer.max_epochs=10"), tmp_path / str(number))
        weights.append(torch.load(tmp_path / f"{number}/checkpoints/last.ckpt", weights_only=True)["state_dict"])
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert capsys.readouterr().out.count("it does not know its data") == 1


def test_counts_are_read_as_they_were_in_a_checkpoint_of_before(tmp_path: Path) -> None:
    sheet = Sheet("count", tmp_path / "a.csv")
    data = ["data=csv", f"data.root={sheet.path}", "data.target=count", "data.target_columns=[y]"]
    before = ["loss.accepts.count={name: rates, start: zero}", "trainer.max_epochs=2", *SHORT]
    metrics = lossbook.train(lossbook.compose("loss=poisson_nll", *data, *before), tmp_path / "run")
    content = torch.load(tmp_path / "run/checkpoints/best.ckpt", weights_only=True)
    content["lossbook"]["config"]["loss"]["accepts"]["count"] = "rates"
    del content["lossbook"]["data"]
    torch.save(content, tmp_path / "old.ckpt")
    assert evaluated(tmp_path / "old.ckpt", sheet.path)["test/mae"] == pytest.approx(metrics["test/mae"])


def test_a_table_of_parts_fixes_them_in_training_and_in_a_test(tmp_path: Path) -> None:
    sheet = Sheet("class", tmp_path / "a.csv")
    parts = ["train"] * 150 + ["val"] * 40 + ["test"] * 50
    (tmp_path / "split.csv").write_text("row,part\n" + "".join(f"{row},{part}\n" for row, part in enumerate(parts)))
    data = ["data=csv", f"data.root={sheet.path}", "data.target_columns=[y]", f"data.split={tmp_path / 'split.csv'}"]
    metrics = lossbook.train(lossbook.compose(*data, "trainer.max_epochs=4", *SHORT), tmp_path / "run")
    ckpt = tmp_path / "run/checkpoints/best.ckpt"
    assert sorted(sheet.test_rows(ckpt)) == list(range(190, 240))
    expected = sheet.by_hand(ckpt, np.arange(190, 240))["acc"]
    assert metrics["test/acc"] == pytest.approx(expected)
    assert evaluated(ckpt, sheet.path)["test/acc"] == pytest.approx(expected)
    without = evaluated(ckpt, sheet.path, "data.split=null")  # its samples are known all the same
    assert without["test/acc"] == pytest.approx(expected)


def test_target_columns_are_known_by_name(tmp_path: Path) -> None:
    sheet = Sheet("value", tmp_path / "a.csv")
    rows = (f"{a},{b},{y},{a - b}" for (a, b), y in zip(sheet.x, sheet.y, strict=True))
    (tmp_path / "two.csv").write_text("\n".join(["x0,x1,y,z", *rows]))
    data = ["data=csv", f"data.root={tmp_path / 'two.csv'}", "data.target=value", "data.target_columns=[z,y]"]
    metrics = lossbook.train(lossbook.compose("loss=mse", *data, "trainer.max_epochs=2", *SHORT), tmp_path / "run")
    ckpt = tmp_path / "run/checkpoints/best.ckpt"
    found = evaluated(ckpt, tmp_path / "two.csv", "data.target_columns=[y,z]")
    assert found["test/mae"] == pytest.approx(metrics["test/mae"])
    for wrong, said in (("[y]", "predicts z, y"), ("[x0,y]", "as a feature")):
        with pytest.raises(UserError, match=said):
            evaluated(ckpt, tmp_path / "two.csv", f"data.target_columns={wrong}")


@pytest.mark.parametrize("loss", [["triplet_margin"], ["info_nce", "data.views=2"]])
def test_losses_between_samples_are_tested_without_a_training_part(
    tmp_path: Path, animals: tuple[Sheet, Path], loss: list[str]
) -> None:
    sheet = animals[0]
    noise = "data.augment=[{_target_: lossbook.data.augment.GaussianNoise, std: 0.1}]"
    data = ["data=csv", f"data.root={sheet.path}", "data.target_columns=[y]", *([noise] if loss[1:] else [])]
    config = lossbook.compose(f"loss={loss[0]}", *loss[1:], *data, "trainer.max_epochs=1", *SHORT)
    lossbook.train(config, tmp_path / "run")
    other = Sheet("class", tmp_path / "b.csv")
    other.x += 0.01
    found = evaluated(tmp_path / "run/checkpoints/best.ckpt", other.write(tmp_path / "b.csv"))
    assert found
    assert np.isfinite(list(found.values())).all()


def test_what_a_run_was_trained_on_is_not_forgotten_when_it_goes_on_without_it(tmp_path: Path) -> None:
    sheet = Sheet("class", tmp_path / "a.csv")
    first = sheet.train(tmp_path / "run")
    train = torch.load(first, weights_only=True)["lossbook"]["data"]["known"]["parts"]["train"].numpy()
    rest = sheet.write(tmp_path / "b.csv", np.setdiff1d(np.arange(ROWS), train[:50]))
    on = lossbook.compose(f"ckpt={first.with_name('last.ckpt')}", f"data.root={rest}", "trainer.max_epochs=9")
    lossbook.train(on, tmp_path / "on")
    second = tmp_path / "on/checkpoints/last.ckpt"
    with pytest.raises(UserError, match="All 50 samples"):
        evaluated(second, sheet.write(tmp_path / "c.csv", np.sort(train[:50])))


def test_targets_that_never_change_are_refused_when_a_run_goes_on(tmp_path: Path) -> None:
    sheet = Sheet("value", tmp_path / "a.csv")
    ckpt = sheet.train(tmp_path / "run").with_name("last.ckpt")
    root = sheet.write(tmp_path / "b.csv", y=np.full(ROWS, 500.0))
    with pytest.raises(UserError, match="A constant target"):
        lossbook.train(lossbook.compose(f"ckpt={ckpt}", f"data.root={root}", "trainer.max_epochs=9"), tmp_path / "on")
