"""Every command in README.md, the docs, the help texts and the heads of the options does what it says.

By default each runs as the user would type it, but the work itself (training, evaluating, drawing, a sweep's jobs) is
replaced; ``pytest -m slow`` really runs each, on a few samples.
"""

from __future__ import annotations

import re
import runpy
import shlex
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import lossbook
from lossbook.config.check import check
from lossbook.config.resolve import plain

ROOT = Path(__file__).parents[1]
CONF = ROOT / "conf"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/*.md"))]
OPTIONS = [file for file in sorted(CONF.rglob("*.yaml")) if file.parent.name not in ("conf", "help", "sweeper")]
NAMED = ("loss", "data", "model", "optim", "experiment")  # groups whose commands name the option
COMMAND = re.compile(
    r"(?:#|  ) +(?:\w+=\w+ )?(?:pip install -e \. && )?(?:python scripts/(?P<script>\w+)\.py|lossbook (?P<name>[\w-]+))"
    r"(?P<rest>.*)"
)
SCRIPTS = ("train", "evaluate", "find_lr", "explore", "search", "report", "predict", "export")
OWN = """import torch


class Photos(torch.utils.data.TensorDataset):
    def __init__(self, root=None):
        super().__init__(torch.rand(60, 3, 8, 8), torch.arange(60) % 2)


NewPhotos = Photos
"""  # my.py, of which commands take a Dataset
DOWNLOADS = [file.stem for file in CONF.glob("data/*.yaml") if "lossbook.data.torchvision_" in file.read_text()]
CHECKPOINT = "outputs/{}/checkpoints/{}.ckpt"
ROOTS = {
    "data=csv": "table.csv",
    "data=table": "table.csv",
    "data=image_table": "listed.csv",
    "data=mask_folder": "masked",
    "data=pairs": "pairs.csv",
    "data=triplets": "triplets.csv",
    "experiment=titanic": "titanic.csv",
    "experiment=segment": "masked",
    "experiment=regress_from_images": "listed.csv",
}
SWEPT = "loss=cross_entropy,mse,triplet_margin data=digits optim=adam,sgd seed=0,1,2"


def commands(file: Path) -> Iterator[str]:
    """The commands in a page, a help text or the comments of an option, as they are typed."""
    lines = file.read_text().splitlines()
    if file.suffix == ".yaml" and file.parent.name != "help":
        lines = [line for line in lines if line.startswith("#")]
    for line in lines:
        if found := COMMAND.match(line):
            script = found["script"] or found["name"].replace("-", "_")
            if script in SCRIPTS:
                yield f"{script} {re.split('  +|#', found['rest'])[0].strip()}".strip()


def documented() -> list[str]:
    files = [*PAGES, *sorted(CONF.rglob("*.yaml"))]
    return list(dict.fromkeys(command for file in files for command in commands(file)))


def arguments(command: str) -> list[str]:
    """The arguments of a command, with files that exist for those that it leaves open."""
    script, *given = shlex.split(command)
    moved = script == "export" and any(one.startswith("data.root=") for one in given)
    table = moved or any("new.csv" in one for one in given)
    swept = "readme" if "seed=1,2,3" not in command else "help"
    filled = []
    for one in given:
        key, _, value = one.partition("=")
        if key == "ckpt":
            one = "ckpt=" + CHECKPOINT.format("table" if table else "digits", "best" if "best" in value else "last")
        elif key == "sweep.resume":
            one = f"sweep.resume=outputs/sweeps/{swept}"
        elif key == "search.resume":
            one = "search.resume=outputs/searches/DATE_TIME"
        elif key == "data.root" and value in ("FILE", "PATH", "DIR"):
            found = next((ROOTS[option] for option in given if option in ROOTS), "table.csv" if table else "photos")
            one = f"data.root={'titanic.csv' if '[survived]' in command else found}"
        elif one == "data.name=FILE":
            one = "data.name=table.csv"
        elif key == "out":
            one = "out=drawn.png"
        elif key == "input" and value != "-":
            one = f"input={'new.csv' if table else 'photos'}"
        elif one == "...":
            filled += ["loss=cross_entropy,mse", "data=digits"]
            continue
        elif one in ("RUN", "SWEEP", "DIR") or one.startswith("outputs"):
            one = "outputs"
        filled.append(one)
    return filled if script != "report" else list(dict.fromkeys(filled))


def call(script: str, given: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    """The exit code of a script that runs in this process."""
    monkeypatch.setattr(sys, "argv", [str(ROOT / "scripts" / f"{script}.py"), *given])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(sys.argv[0], run_name="__main__")
    return int(ended.value.code or 0)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, write_blocks: Callable[[Path, Path], list[Path]]) -> Path:
    """A working folder with the files, options, runs, sweeps and searches that the commands name."""
    folder = tmp_path_factory.mktemp("place")
    random = np.random.default_rng(0)
    for part in ("cat", "dog"):
        (folder / "photos" / part).mkdir(parents=True)
        for number in range(12):
            Image.fromarray(random.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(
                folder / "photos" / part / f"{number}.png"
            )
    for number in range(12):
        for kind, shape in (("images", (16, 16, 3)), ("masks", (16, 16))):
            (folder / "masked" / kind).mkdir(parents=True, exist_ok=True)
            pixels = random.integers(0, 256 if kind == "images" else 2, shape, dtype=np.uint8)
            Image.fromarray(pixels).save(folder / "masked" / kind / f"{number}.png")
    names = [f"photos/{part}/{number}.png" for number in range(12) for part in ("cat", "dog")]
    twos = [f"{one},{other},{place % 2}" for place, (one, other) in enumerate(pairwise(names))]
    (folder / "pairs.csv").write_text("\n".join(["first,second,same", *twos]) + "\n")
    threes = [",".join(three) for three in zip(names, names[2:], names[1:], strict=False)]
    (folder / "triplets.csv").write_text("\n".join(["anchor,positive,negative", *threes]) + "\n")
    rows = [f"{a:.3f},{b:.3f},{'ab'[n % 2]},{a + b:.3f}" for n, (a, b) in enumerate(random.normal(size=(60, 2)))]
    (folder / "table.csv").write_text("\n".join(["x,z,y,price", *rows]) + "\n")
    others = [f"{a:.3f},{b:.3f},{'ab'[n % 2]},{a + b:.3f}" for n, (a, b) in enumerate(random.normal(size=(20, 2)))]
    (folder / "new.csv").write_text("\n".join(["x,z,y,price", *others]) + "\n")
    parts = [f"{row},{('train', 'val', 'test')[max(0, row % 6 - 3)]}" for row in range(60)]
    (folder / "parts.csv").write_text("\n".join(["row,part", *parts]) + "\n")
    ages = enumerate(random.uniform(0, 80, 60))
    passengers = [f"{age:.1f},{'mf'[n % 3 > 0]},{n % 2},{n % 4},{('no', 'yes')[n % 2]}" for n, age in ages]
    (folder / "titanic.csv").write_text("\n".join(["age,sex,survived,pclass,alive", *passengers]) + "\n")
    listed = [f"{name},{name.split('/')[1]},{number}" for number, name in enumerate(names)]
    (folder / "listed.csv").write_text("\n".join(["path,label,age", *listed]) + "\n")
    (folder / "my.py").write_text(OWN)
    for page in PAGES:
        write_blocks(page, folder)
    (folder / "my_conf" / "loss" / "mine.yaml").write_text((folder / "my_conf" / "loss" / "focal.yaml").read_text())
    small = ("trainer.max_epochs=1", "trainer.accelerator=cpu", "logger=none", "data.limit=64")
    table = ("data=csv", f"data.root={folder / 'table.csv'}", "data.target_columns=[y]")
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        lossbook.train(lossbook.compose(*small), folder / "outputs" / "digits")
        lossbook.train(lossbook.compose(*small, *table), folder / "outputs" / "table")
        replace_work(patched)
        for name, swept in (("readme", SWEPT), ("help", "loss=mse,l1 seed=1,2,3")):
            given = ["-m", *swept.split(), *small, f"hydra.sweep.dir=outputs/sweeps/{name}"]
            assert call("train", given, patched) == 0
        space = ["optim=adam,sgd", "optim.lr=interval(1e-4,1e-1)", "search.trials=2"]
        assert call("search", [*space, *small, "hydra.sweep.dir=outputs/searches/DATE_TIME"], patched) == 0
    return folder


def replace_work(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Replace what a command does once its arguments have been checked; the list says what was done."""
    done: list[Any] = []

    def nothing(*given: Any, **named: Any) -> Any:
        done.append(given)
        return 0

    for work in (
        "training.train.train", "training.evaluate.evaluate", "training.find_lr.find_lr", "training.explore.explore",
        "sweeps.sweep.run_sweep", "search.command._run", "report.report.report", "report.report.print_short",
        "prediction.predict.predict", "export.export.export",
    ):  # fmt: skip
        monkeypatch.setattr(f"lossbook.{work}", nothing)
    return done


@pytest.mark.parametrize("command", documented())
def test_a_documented_command_is_accepted(
    command: str,
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    find_kinds: Callable[[Path], None],
) -> None:
    script, given = command.split()[0], arguments(command)
    monkeypatch.chdir(place)
    find_kinds(place)
    if script == "train" and not re.search(" -|ckpt=|sweep|launcher|experiment", command):  # at half the cost
        check(plain(lossbook.compose(*given)))
        return
    done = replace_work(monkeypatch)
    assert call(script, given, monkeypatch) == 0, capsys.readouterr().err
    assert done or "--help" in command
    for given in done:
        plan = next((one for one in given if hasattr(one, "allowed")), None)  # of a sweep
        assert plan is None or plan.allowed


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # more processes than a small machine has cores
@pytest.mark.parametrize("command", documented())
def test_a_documented_command_runs(
    command: str,
    place: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    find_kinds: Callable[[Path], None],
) -> None:
    find_kinds(place)
    downloads = "data.download=true" in command or "pretrained=true" in command
    if downloads or re.search(rf"data=({'|'.join(DOWNLOADS)})( |$)", command):
        pytest.skip("needs a download")
    if "trainer=gpu" in command or "trainer.devices=4" in command or "submitit" in command:
        pytest.skip("needs a machine with more than one processor")
    script, given = command.split()[0], arguments(command)
    monkeypatch.chdir(place)
    for written in ("predictions.csv", "outputs/digits/checkpoints/best.onnx"):  # by another command
        Path(written).unlink(missing_ok=True)
    if "model.weights=backbone.safetensors" in given:
        timm, files = pytest.importorskip("timm"), pytest.importorskip("safetensors.torch")
        files.save_file(timm.create_model("resnet18").state_dict(), "backbone.safetensors")
    keys = {one.partition("=")[0] for one in given}
    if script in ("train", "search", "find_lr") and not keys & {"ckpt", "sweep.resume", "search.resume", "--help"}:
        given.append("trainer.accelerator=cpu")
        if "scheduler.warmup" not in keys:  # a warmup in steps needs a run that is longer
            given.append("data.limit=64")
        if "data.target_columns=[price]" in given:  # the table of this test has a column of letters, too
            given.append("data.feature_columns=[x,z]")
        if not any(
            re.match("scheduler|callbacks|param_groups|trainer|data.epochs|experiment|optim.t0", one) for one in keys
        ):
            given.append("trainer.max_epochs=1")
        if script != "find_lr":
            given.append(f"hydra.{'run' if script == 'train' and not is_sweep(given) else 'sweep'}.dir={tmp_path}/made")
    if script == "train" and "ckpt" in keys:
        given.append("trainer.max_epochs=2")  # the run that is resumed had one
    if script == "search":
        given = [one for one in given if not one.startswith("search.trials")] + ["search.trials=2"]
    assert call(script, given, monkeypatch) == 0, capsys.readouterr().err


def is_sweep(given: list[str]) -> bool:
    return "-m" in given or any("lr_sweep" in one or "compare" in one for one in given)


def test_the_refusal_in_the_readme_is_what_one_sees(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given, said = re.search(r"    \$ python scripts/train\.py (.*)\n((?:    .*\n)+)", PAGES[0].read_text()).groups()
    assert call("train", given.split(), monkeypatch) == 1
    assert capsys.readouterr().err == "".join(line[4:] + "\n" for line in said.splitlines())


@pytest.mark.parametrize("file", OPTIONS, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_the_head_of_an_option_has_a_command(file: Path) -> None:
    assert re.match(r"(# @package _global_\n)?# \w", file.read_text())
    named = f"{file.parent.name}={file.stem}"
    found = [command for command in commands(file) if command.startswith("train")]
    default = file.stem in ("adam", "cross_entropy", "default", "auto")
    assert any(file.parent.name not in NAMED or default or named in command for command in found)
