"""The best is the best, never a nan; files come along to the folder of a resumed run."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import Any

import lightning
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader

from lossbook.checkpoints.read import AtomicCheckpointIO, read
from lossbook.errors import UserError
from lossbook.training.callbacks.checkpoints import Checkpoints, is_better
from lossbook.training.callbacks.record import Record

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*LeafSpec:FutureWarning", "ignore:.*does not have many workers", "ignore:.*logging interval"
)


class Scripted(lightning.LightningModule):
    """Validates to given metrics; its one weight counts the steps."""

    def __init__(self, metrics: list[tuple[float, float]], mode: str = "max") -> None:
        super().__init__()
        self.primary = ("val/acc", mode)
        self.metrics = metrics
        self.weight = torch.nn.Parameter(torch.zeros(()))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=1.0)

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        return -self.weight

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        acc, loss = self.metrics[self.current_epoch]
        self.log_dict({"val/acc": acc, "val/loss": loss})


class Breaking(Scripted):
    """Its weight is infinite from the second epoch on."""

    def on_train_epoch_start(self) -> None:
        if self.current_epoch == 1:
            self.weight.data.fill_(math.inf)


def run(
    folder: Path,
    metrics: list[tuple[float, float]],
    mode: str = "max",
    ckpt: Path | None = None,
    config: dict[str, Any] | None = None,
    kind: type[Scripted] = Scripted,
) -> Checkpoints:
    checkpoints = Checkpoints()
    trainer = lightning.Trainer(
        accelerator="cpu",
        max_epochs=len(metrics),
        default_root_dir=folder,
        logger=False,
        plugins=[AtomicCheckpointIO()],
        callbacks=[checkpoints, Record({"config": config or {}})],
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(kind(metrics, mode), DataLoader(range(2)), DataLoader(range(1)), ckpt_path=ckpt)
    return checkpoints


def test_it_is_known_whether_the_loss_decided_between_equal_values(tmp_path: Path) -> None:
    for name, metrics, tied in (
        ("lower", [(0.5, 2.0), (0.5, 1.0)], True),
        ("higher", [(0.5, 1.0), (0.5, 2.0)], True),
        ("better", [(0.5, 2.0), (0.5, 1.0), (0.6, 3.0)], False),
        ("nan", [(0.5, 2.0), (0.5, math.nan)], False),
    ):
        assert run(tmp_path / name, metrics).best_by_loss == tied, name
    resumed = run(
        tmp_path / "on", [(0.5, 9.0)] * 2 + [(0.4, 1.0)], ckpt=tmp_path / "lower" / "checkpoints" / "last.ckpt"
    )
    assert resumed.best_by_loss


def steps(path: Path) -> float:
    return float(read(path)["state_dict"]["weight"])


NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("mode", "metrics", "epoch"),
    [
        ("max", [(0.5, 1.0), (0.7, 2.0), (0.6, 0.1)], 1),
        ("min", [(0.5, 1.0), (0.7, 2.0), (0.4, 9.0)], 2),
        ("max", [(0.5, 1.0), (0.5, 0.9), (0.5, 0.95)], 1),  # ties go to the lower loss
        ("max", [(0.5, 1.0), (0.5, 1.0)], 0),  # and then to the earlier epoch
        ("max", [(0.5, 1.0), (INF, 0.0), (NAN, 0.0)], 0),
        ("max", [(0.9, NAN), (0.5, 1.0), (0.9, INF)], 1),
        ("max", [(NAN, 1.0), (0.1, 1.0)], 1),
    ],
)
def test_the_best_epoch_is_kept(mode: str, metrics: list[tuple[float, float]], epoch: int, tmp_path: Path) -> None:
    checkpoints = run(tmp_path, metrics, mode)
    assert checkpoints.best_epoch == epoch
    assert checkpoints.best_value == pytest.approx(metrics[epoch][0])
    assert steps(tmp_path / "checkpoints/best.ckpt") == 2 * (epoch + 1)
    assert steps(tmp_path / "checkpoints/last.ckpt") == 2 * len(metrics)
    assert checkpoints.best_metrics.keys() == {"val/acc", "val/loss"}
    state = read(tmp_path / "checkpoints/last.ckpt")["callbacks"]["Checkpoints"]
    assert state["best_value"] == checkpoints.best_value
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == ["best.ckpt", "last.ckpt"]


def test_weights_that_are_not_finite_are_not_written(tmp_path: Path) -> None:
    """A step can break the weights, and accuracy and loss of that epoch look fine: nan never shows in an argmax."""
    with pytest.raises(UserError, match=r"weights are not finite at step 4 \(epoch 1\)") as error:
        run(tmp_path, [(0.5, 1.0), (0.9, 0.5)], kind=Breaking)
    assert "all existing checkpoints hold finite weights" in str(error.value)
    for name in ("best", "last"):
        assert steps(tmp_path / f"checkpoints/{name}.ckpt") == 2


def test_without_a_finite_value_there_is_no_best(tmp_path: Path) -> None:
    assert run(tmp_path, [(NAN, 1.0)]).best_path is None
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["last.ckpt"]


class Unmeasured(Scripted):
    """Its primary metric is not defined on the validation part, and so not logged."""

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        self.log("val/loss", self.metrics[self.current_epoch][1])


def test_a_metric_that_never_comes_is_said_once_and_the_last_weights_are_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoints = run(tmp_path, [(0.5, 1.0), (0.5, 0.5)], kind=Unmeasured)
    assert (checkpoints.best_path, checkpoints.best_epoch) == (None, None)
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["last.ckpt"]
    assert capsys.readouterr().out.count("val/acc has no value on this validation part") == 1


@given(st.lists(st.tuples(st.floats(), st.floats(allow_nan=False)), min_size=1), st.sampled_from(["max", "min"]))
def test_nothing_beats_the_best(metrics: list[tuple[float, float]], mode: str) -> None:
    best, best_loss = None, math.inf
    for value, loss in metrics:
        if is_better(value, loss, best, best_loss, mode):
            best, best_loss = value, loss
    finite = [metric for metric in metrics if all(map(math.isfinite, metric))]
    sign = -1 if mode == "max" else 1
    assert (best, best_loss) == (min(finite, key=lambda f: (sign * f[0], f[1])) if finite else (None, math.inf))


def test_a_resumed_run_takes_the_best_along(tmp_path: Path) -> None:
    run(tmp_path / "a", [(0.9, 1.0), (0.5, 1.0)])
    last = tmp_path / "a/checkpoints/last.ckpt"
    resumed = run(tmp_path / "b", [(0, 0), (0, 0), (0.6, 1.0)], ckpt=last)
    assert resumed.best_epoch == 0
    assert steps(tmp_path / "b/checkpoints/best.ckpt") == 2
    assert resumed.best_path == tmp_path / "b/checkpoints/best.ckpt"


def test_a_resumed_run_that_has_nothing_left_to_do_has_the_best_too(tmp_path: Path) -> None:
    run(tmp_path / "a", [(0.9, 1.0)])
    assert run(tmp_path / "b", [(0, 0)], ckpt=tmp_path / "a/checkpoints/last.ckpt").best_path is not None
    assert steps(tmp_path / "b/checkpoints/best.ckpt") == 2


@pytest.mark.parametrize("beside", ["nothing", "another run's", "no checkpoint"])
def test_where_the_best_is_gone_the_best_from_here_on_counts(beside: str, tmp_path: Path) -> None:
    run(tmp_path / "a", [(0.9, 1.0), (0.5, 1.0)])
    (tmp_path / "moved").mkdir()
    shutil.copy(tmp_path / "a/checkpoints/last.ckpt", tmp_path / "moved/last.ckpt")
    if beside == "another run's":
        run(tmp_path / "c", [(0.8, 1.0)])
        shutil.copy(tmp_path / "c/checkpoints/best.ckpt", tmp_path / "moved/best.ckpt")
    if beside == "no checkpoint":
        (tmp_path / "moved/best.ckpt").write_text("")
    resumed = run(tmp_path / "b", [(0, 0), (0, 0), (0.6, 1.0), (0.4, 1.0)], ckpt=tmp_path / "moved/last.ckpt")
    assert resumed.best_epoch == 2
    assert steps(tmp_path / "b/checkpoints/best.ckpt") == 6


@pytest.mark.parametrize(
    ("config", "changed"),
    [
        ({"loss": {"criterion": {"p": 2}}, "data": {"seed": 0}}, "loss"),
        ({"loss": {"criterion": {"p": 1}}, "data": {"seed": 1}}, "data"),
        ({"loss": {"criterion": {"p": 2}}, "data": {"seed": 1}}, "loss and other data"),
        ({"loss": {"criterion": {"p": 1}}, "data": {"seed": 0, "epochs": 9, "num_workers": 2}, "optim": {}}, ""),
    ],
)
def test_the_best_of_another_loss_or_other_data_is_dropped(
    config: dict[str, Any], changed: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {"loss": {"criterion": {"p": 1}}, "data": {"seed": 0, "epochs": 3}}
    run(tmp_path / "a", [(0.9, 1.0), (0.5, 1.0)], config=before)
    resumed = run(
        tmp_path / "b", [(0, 0), (0, 0), (0.6, 1.0)], ckpt=tmp_path / "a/checkpoints/last.ckpt", config=config
    )
    assert (resumed.best_epoch, resumed.best_metrics["val/acc"]) == (
        (2, pytest.approx(0.6)) if changed else (0, pytest.approx(0.9))
    )
    assert steps(tmp_path / "b/checkpoints/best.ckpt") == (6 if changed else 2)
    assert (f"best is from another {changed} (0.9): the best from here" in capsys.readouterr().out) == bool(changed)


def test_a_full_disk_ends_the_run_in_words_and_leaves_the_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tmp_path / "a", [(0.9, 1.0)])
    last = tmp_path / "a/checkpoints/last.ckpt"
    before = last.read_bytes()

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("lossbook.checkpoints.read.os.fsync", full)
    with pytest.raises(UserError, match="No space left on device"):
        run(tmp_path / "a", [(0, 0), (0.5, 1.0)], ckpt=last)
    assert last.read_bytes() == before


def test_a_best_that_cannot_be_saved_leaves_all_of_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Checkpoints] = []

    class Full(Scripted):
        def on_validation_start(self) -> None:
            made[:] = [one for one in self.trainer.callbacks if isinstance(one, Checkpoints)]
            if self.current_epoch == 2:
                monkeypatch.setattr("lossbook.checkpoints.read.os.fsync", full)

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(UserError, match="No space left on device"):
        run(tmp_path / "a", [(0.9, 1.0), (0.9, 2.0), (0.95, 1.0)], kind=Full)
    best = made[0]
    assert (best.best_epoch, best.best_value, best.best_loss) == (0, pytest.approx(0.9), 1.0)
    assert best.best_by_loss


def test_steps_are_counted_from_one_on() -> None:
    with pytest.raises(UserError, match="every_n_steps=0"):
        Checkpoints(every_n_steps=0)
