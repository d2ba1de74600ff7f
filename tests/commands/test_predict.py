"""``lossbook predict``, in this process."""

from __future__ import annotations

import io
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image

import lossbook
from lossbook.console import main

Say = Callable[..., tuple[int, str, str]]
SHORT = ("data.limit=64", "data.batch_size=32", "trainer=cpu", "trainer.max_epochs=2", "logger=none")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with photos of two classes, and a run that was trained on them."""
    folder = tmp_path_factory.mktemp("my place, [a]=1")
    random = np.random.default_rng(0)
    for part, each in (("train", 12), ("val", 4), ("test", 6)):
        for label, kind in enumerate(("cat", "dog")):
            (folder / "photos" / part / kind).mkdir(parents=True)
            for number in range(each):
                image = random.integers(0, 120, (20 + number, 30, 3), dtype=np.uint8) + np.uint8(90 * label)
                Image.fromarray(image).save(folder / "photos" / part / kind / f"{number} ü.png")
    given = ["data=image_folder", f"data.root={folder}/photos", "data.image_size=16", "model=cnn"]
    lossbook.train(lossbook.compose(*given, *SHORT), folder / "run")
    return folder


@pytest.fixture
def say(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Say:
    """Calls the command in an empty folder; gives exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", list(sys.argv))

    def call(*arguments: str) -> tuple[int, str, str]:
        code = main(["predict", *arguments])
        return (code, *capsys.readouterr())

    return call


def test_files_of_the_test_part_give_the_metrics_of_evaluate(say: Say, place: Path, tmp_path: Path) -> None:
    code, out, err = say(f"ckpt={place}/run", f"input={place}/photos/test")
    assert (code, err) == (0, "")
    assert "predicted    12 samples\nwritten      predictions.csv\n" in out
    table = pl.read_csv("predictions.csv")
    assert table.columns == ["name", "prediction", "confidence", "p_cat", "p_dog"]
    assert table["name"].to_list() == sorted(f"{kind}/{n} ü.png" for kind in ("cat", "dog") for n in range(6))
    right = (table["prediction"] == table["name"].str.split("/").list.first()).mean()
    metrics = lossbook.evaluate(lossbook.compose(f"ckpt={place}/run/checkpoints/best.ckpt"))
    assert right == pytest.approx(metrics["test/acc"])
    assert [one.name for one in tmp_path.iterdir()] == ["predictions.csv"]


def test_python_gives_the_same_on_paths_images_and_arrays(say: Say, place: Path) -> None:
    paths = sorted((place / "photos" / "test" / "dog").glob("*.png"))
    predictor = lossbook.load(place / "run")
    assert say(f"ckpt={place}/run/checkpoints/best.ckpt", f"input={place}/photos/test/dog", "output=a.parquet")[0] == 0
    wanted = pl.read_parquet("a.parquet")["p_dog"].to_numpy()
    images = [Image.open(path) for path in paths]
    for given in (paths, [str(path) for path in paths], images, [np.asarray(one) for one in images]):
        found = predictor.predict(given)
        assert found.probabilities is not None
        assert found.probabilities[:, 1] == pytest.approx(wanted, abs=1e-6)
    assert len(predictor.predict(paths[0])) == len(predictor.predict(images[0])) == 1


def test_broken_inputs_are_listed_and_the_others_predicted(say: Say, place: Path) -> None:
    shutil.copytree(place / "photos" / "test" / "cat", "some")
    for number in range(25):
        Path(f"some/broken {number:02}.jpg").write_bytes(b"\xff\xd8 no image")
    Path("some/empty.png").touch()
    Image.fromarray(np.full((9, 9), 7, np.uint8)).save("some/grey.png")
    Image.new("CMYK", (9, 9)).save("some/cmyk.jpg")
    code, out, err = say(f"ckpt={place}/run", "input=some", "output=out.jsonl", "batch_size=5")
    assert (code, err) == (0, "")
    assert "26 inputs could not be read" in out
    assert out.count("broken ") == 20
    assert "... and 6 more" in out
    assert len(pl.read_ndjson("out.jsonl")) == 6 + 2
    bad = pl.read_csv("out.bad.csv")
    assert bad["name"].to_list() == [*(f"broken {number:02}.jpg" for number in range(25)), "empty.png"]
    code, _, err = say(f"ckpt={place}/run", "input=some/empty.png", "output=other.csv")
    assert code == 1
    assert "empty.png" in err
    assert not Path("other.csv").exists()


def test_paths_come_from_the_standard_input(say: Say, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = f"{place}/photos/test/cat/0 ü.png"
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{path}\n{path}\nno such.png\n"))
    code, out, _ = say(f"ckpt={place}/run", "input=-")
    assert code == 0
    table = pl.read_csv("predictions.csv")
    assert table["name"].to_list() == [path, path]
    assert table["p_cat"][0] == table["p_cat"][1]
    assert "no such.png" in out


@pytest.mark.parametrize("name", ["a b", "a,b", "[a]", "a=b", "'q'", '"', "~", "ü", "choice(a,b)", "${x}", "-x", "#"])
def test_paths_are_taken_as_they_stand(name: str, say: Say, place: Path, tmp_path: Path) -> None:
    os.symlink(place / "run", tmp_path / f"r{name}")
    (tmp_path / name).mkdir()
    shutil.copy(place / "photos/test/cat/0 ü.png", tmp_path / name / "x.png")
    code, _, err = say(f"ckpt=r{name}", f"input={name}", f"output=o{name}.csv")
    assert (code, err) == (0, "")
    assert pl.read_csv((tmp_path / f"o{name}.csv").read_bytes())["name"].to_list() == ["x.png"]


@pytest.mark.parametrize(
    ("given", "first", "said"),
    [
        ([], "ckpt is not given", "ckpt=RUN"),
        (["ckpt=RUN"], "input is not given", "input=FOLDER"),
        (["ckpt=nowhere", "input=empty"], "ckpt=nowhere does not exist", "Fix"),
        (["ckpt=empty", "input=empty"], "ckpt=empty", "holds no checkpoints"),
        (["ckpt=RUN", "input=empty"], "input=empty", "no file that this network reads"),
        (["ckpt=RUN", "input=nowhere"], "input=nowhere", "no such file"),
        (["ckpt=RUN", "input=PHOTOS", "output=no/out.csv"], "output=no/out.csv", "mkdir -p"),
        (["ckpt=RUN", "input=PHOTOS", "output=out.xlsx"], "output=out.xlsx", ".parquet"),
        (["ckpt=RUN", "input=PHOTOS", "output=there.csv"], "there.csv exists", "overwrite=true"),
        (["ckpt=RUN", "input=PHOTOS", "device=gpu"], "device=gpu", "auto, cpu or cuda"),
        (["ckpt=RUN", "input=PHOTOS", "batch_size=0"], "batch_size=0", "1 or more"),
        (["ckpt=RUN", "input=PHOTOS", "batch_size=a"], "batch_size=a", "whole number"),
        (["ckpt=RUN", "input=PHOTOS", "top_k=3"], "top_k=3", "from 1 to 2"),
        (["ckpt=RUN", "input=PHOTOS", "top_k=two"], "top_k=two", "whole number"),
        (["ckpt=RUN", "input=PHOTOS", "id_column=id"], "id_column=id", "rows of a table"),
        (["ckpt=RUN", "input=PHOTOS", "optim.lr=1"], "optim.lr=1", "as it was trained"),
        (["ckpt=RUN", "imput=PHOTOS"], "imput=x", "Fix: input=..."),
        (["ckpt=RUN", "input=there.csv"], "there.csv", "image"),
    ],
)
def test_mistakes_are_answered_in_words(
    given: list[str], first: str, said: str, say: Say, place: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "there.csv").write_text("mine\n")
    named = {"ckpt=RUN": f"ckpt={place}/run", "input=PHOTOS": f"input={place}/photos/test", "imput=PHOTOS": "imput=x"}
    code, _, err = say(*(named.get(one, one) for one in given))
    assert code == 1
    assert first in err
    assert said in err
    assert len(err.splitlines()) <= 4
    assert sorted(one.name for one in tmp_path.iterdir()) == ["empty", "there.csv"]
    assert (tmp_path / "there.csv").read_text() == "mine\n"


def test_a_checkpoint_that_has_no_reader_for_files(say: Say, tmp_path: Path) -> None:
    lossbook.train(lossbook.compose("loss=cross_entropy", "data=digit_tokens", *SHORT), tmp_path / "run")
    Path("a.png").touch()
    code, _, err = say("ckpt=run", "input=a.png")
    assert code == 1
    assert "does not say how such inputs are read" in err


def test_help_and_scripts_say_what_was_typed(say: Say) -> None:
    code, out, _ = say("--help")
    assert code == 0
    assert "lossbook predict ckpt=RUN input=photos" in out
    assert "scripts/" not in out


def test_an_exported_file_gives_the_same_table(say: Say, place: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    from lossbook.export.export import export

    export(lossbook.compose(f"ckpt={place}/run/checkpoints/best.ckpt"), "onnx", tmp_path / "net.onnx")
    photos = f"input={place}/photos/test"
    assert say("ckpt=net.onnx", photos, "output=onnx.csv")[0] == 0
    assert say(f"ckpt={place}/run", photos, "output=torch.csv")[0] == 0
    one, other = pl.read_csv("onnx.csv"), pl.read_csv("torch.csv")
    assert one.columns == other.columns
    assert one["prediction"].to_list() == other["prediction"].to_list()
    assert one["p_dog"].to_numpy() == pytest.approx(other["p_dog"].to_numpy(), abs=1e-4)
    for given, said in (("device=cuda", "on the CPU"), ("optim.lr=1", "as it was trained"), ("top_k=9", "from 1 to 2")):
        code, _, err = say("ckpt=net.onnx", photos, "output=no.csv", given)
        assert (code, said in err) == (1, True)


def test_embeddings_and_masks(say: Say, tmp_path: Path) -> None:
    lossbook.train(lossbook.compose("loss=triplet_margin", "data=digit_triplets", *SHORT), tmp_path / "near")
    lossbook.train(lossbook.compose("loss=cross_entropy", "data=scene_masks", *SHORT), tmp_path / "masks")
    Path("in").mkdir()
    for number in range(3):
        levels = torch.randint(0, 255, (24, 24), dtype=torch.uint8).numpy()
        Image.fromarray(levels).save(f"in/{number}.png")
    assert say("ckpt=near", "input=in", "output=near.csv")[0] == 0
    table = pl.read_csv("near.csv")
    with np.load(table["file"][0]) as read:
        assert read["embeddings"].shape[0] == 3
        assert read["names"].tolist() == table["name"].to_list()
    assert say("ckpt=masks", "input=in", "output=seen.csv")[0] == 0
    table = pl.read_csv("seen.csv")
    mask = Image.open(table["prediction"][0])
    assert (mask.mode, mask.size) == ("P", (24, 24))
    found = lossbook.load("masks").predict("in")
    assert (np.asarray(mask) == found.predictions[0]).all()
    Image.new("L", (72, 48)).save("in/3.png")
    code, out, _ = say("ckpt=masks", "input=in", "output=more.csv")
    assert (code, "cropped" in out) == (0, False)
    with Image.open(pl.read_csv("more.csv")["prediction"][3]) as larger:
        assert larger.size == (72, 48)


def test_a_table_of_paths_for_a_network_that_was_trained_on_one(say: Say, place: Path, tmp_path: Path) -> None:
    paths = sorted((place / "photos").rglob("*.png"))
    rows = [{"photo": str(path.relative_to(place)), "kind": path.parent.name, "more": "x"} for path in paths]
    pl.DataFrame(rows).write_csv(place / "table.csv")
    given = ["data=image_table", f"data.root={place}/table.csv", "data.image_column=photo", "data.image_size=16"]
    lossbook.train(lossbook.compose(*given, "data.target_columns=[kind]", "model=cnn", *SHORT), tmp_path / "run")
    new = pl.DataFrame({"more": [1, 2, 3], "photo": [rows[30]["photo"], "photos/gone.png", rows[5]["photo"]]})
    new.write_csv(place / "new.csv")
    code, out, err = say("ckpt=run", f"input={place}/new.csv")
    assert (code, err) == (0, "")
    assert f"{place}/photos/gone.png is missing" in out
    table = pl.read_csv("predictions.csv")
    assert table["name"].to_list() == [rows[30]["photo"], rows[5]["photo"]]
    assert say("ckpt=run", f"input={paths[30]}", "output=one.csv")[0] == 0
    assert pl.read_csv("one.csv")["p_dog"][0] == pytest.approx(table["p_dog"][0], abs=1e-5)
    new.rename({"photo": "photos"}).write_csv(place / "new.csv")
    code, _, err = say("ckpt=run", f"input={place}/new.csv", "output=none.csv")
    assert (code, "has no column photo" in err, "did you mean photos?" in err) == (1, True, True)
