"""Lightning's part of a run."""

from __future__ import annotations

import copy
import csv
import logging
import warnings
from pathlib import Path

import pytest
import torch
from lightning.pytorch.utilities.warnings import PossibleUserWarning

import lossbook
from lossbook.config.check import check
from lossbook.config.resolve import plain
from lossbook.config.resume import to_save
from lossbook.errors import UserError
from lossbook.training.assemble import assemble
from lossbook.training.callbacks.checkpoints import Checkpoints
from lossbook.training.fit import _watching, fit, make_trainer, quiet
from lossbook.trust import OWN_CONFIG

SHORT = ("data.limit=48", "data.batch_size=24", "trainer=cpu", "logger=none", "loss=nll")


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    options = ("trainer.max_epochs=2", "callbacks.checkpoints.every_n_steps=1")
    lossbook.train(lossbook.compose(*SHORT, *options), folder)
    return folder / "checkpoints"


def fitted(folder: Path, *overrides: str):
    config = lossbook.compose(*SHORT, *overrides)
    values = plain(config)
    assembly = assemble(values, check(values), OWN_CONFIG)
    trainer = make_trainer(values, to_save(config), assembly, OWN_CONFIG)(folder)
    return trainer, fit(trainer, assembly, None)


def test_without_checkpoints_the_last_weights_are_tested(tmp_path: Path) -> None:
    trainer, outcome = fitted(tmp_path, "callbacks=none", "trainer.max_epochs=2")
    assert (outcome.epochs, outcome.steps) == (2, 4)
    assert outcome.best_path is outcome.last_path is outcome.best_epoch is None
    assert {tag.partition("/")[0] for tag in outcome.metrics} == {"train", "val", "test"}
    assert not any(isinstance(callback, Checkpoints) for callback in trainer.callbacks)


def test_points_of_the_curve_are_at_least_one_an_epoch(tmp_path: Path) -> None:
    trainer, _ = fitted(tmp_path, "trainer=one_batch", "trainer.accelerator=cpu")
    assert trainer.log_every_n_steps == 1


def test_a_mistake_in_a_callback_is_said_before_there_is_a_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="patienc"):
        fitted(tmp_path / "run", "callbacks=early_stopping", "+callbacks.early_stopping.patienc=3")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("given", "watched"),
    [
        ({"monitor": "primary", "mode": "primary"}, ("val/acc", "max")),
        ({"monitor": "val/loss", "mode": "primary"}, ("val/loss", "min")),  # and not the max, as accuracy has it
        ({"monitor": "val/loss", "mode": "max"}, ("val/loss", "max")),
        ({"monitor": "primary", "mode": "min"}, ("val/acc", "min")),
    ],
)
def test_what_early_stopping_watches(given: dict[str, str], watched: tuple[str, str]) -> None:
    found = _watching(given, "val/acc", {"acc": "max", "loss": "min"}, "callbacks.early_stopping")
    assert (found["monitor"], found["mode"]) == watched


@pytest.mark.parametrize("bar", ["RichProgressBar", "TQDMProgressBar"])
def test_lightnings_own_callbacks_can_be_used(bar: str, tmp_path: Path) -> None:
    classes = [
        f"+callbacks.{name}={{_target_: lightning.pytorch.callbacks.{name}}}" for name in (bar, "ModelCheckpoint")
    ]
    trainer, _ = fitted(tmp_path, "callbacks=none", "trainer.max_epochs=1", *classes)
    assert type(trainer.progress_bar_callback).__name__ == bar
    assert list(tmp_path.rglob("epoch=0*.ckpt"))


def test_a_validation_every_so_many_steps_across_epochs(tmp_path: Path) -> None:
    """Epochs of 2 batches: a validation after every third one."""
    config = lossbook.compose(
        *SHORT, "trainer.max_epochs=3", "trainer.val_check_interval=3", "trainer.check_val_every_n_epoch=null",
        "logger=csv",
    )  # fmt: skip
    lossbook.train(config, tmp_path)
    with (tmp_path / "metrics.csv").open() as file:
        validated = [int(row["step"]) for row in csv.DictReader(file) if row["val/loss"]]
    assert validated == [2, 5]


def test_a_module_that_shows_a_gallery_can_be_copied(tmp_path: Path) -> None:
    trainer, _ = fitted(tmp_path, "loss=triplet_margin", "trainer.max_epochs=1", "callbacks=none")
    copy.deepcopy(trainer.lightning_module)  # without the trainer and its data


def test_what_the_loops_of_lightning_refuse_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="Lightning says"):
        fitted(tmp_path, "+trainer.reload_dataloaders_every_n_epochs=-1")


@pytest.mark.parametrize("limit", ["trainer.max_epochs=2", "trainer.max_epochs=1", "trainer.max_steps=4"])
def test_a_finished_run_is_not_gone_on_with_in_silence(
    checkpoints: Path, limit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"(2 epochs|4 steps) are done") as error:
        lossbook.train(lossbook.compose(f"ckpt={checkpoints / 'last.ckpt'}", limit))
    key = limit.partition("=")[0]
    assert f"{key}=N" in str(error.value)
    assert not list(tmp_path.iterdir())


def test_more_epochs_go_on(checkpoints: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lossbook.train(lossbook.compose(f"ckpt={checkpoints / 'last.ckpt'}", "trainer.max_epochs=3"), tmp_path)
    assert "3/3" in capsys.readouterr().out


def test_a_run_broken_off_in_its_last_epoch_is_not_finished(tmp_path: Path) -> None:
    options = ("trainer.max_epochs=1", "trainer.max_steps=1")
    lossbook.train(lossbook.compose(*SHORT, *options), tmp_path / "a")
    last = tmp_path / "a" / "checkpoints" / "last.ckpt"
    lossbook.train(lossbook.compose(f"ckpt={last}", "trainer.max_steps=-1"), tmp_path / "b")
    assert lossbook.checkpoints.read.read(tmp_path / "b" / "checkpoints" / "last.ckpt")["global_step"] == 2


def test_lightnings_advice_is_held_back_and_other_warnings_are_not() -> None:
    log = logging.getLogger("lightning.pytorch")
    level = log.level
    with quiet():
        warnings.warn("use more workers", PossibleUserWarning, stacklevel=1)
        assert log.level == logging.WARNING
        with pytest.raises(UserWarning, match="mine"):
            warnings.warn("mine", UserWarning, stacklevel=1)
    assert log.level == level
    with pytest.raises(ZeroDivisionError), quiet():
        1 / 0  # noqa: B018
    assert log.level == level


def test_a_compiled_model_keeps_the_names_of_its_weights(tmp_path: Path) -> None:
    with torch.compiler.set_stance("force_eager"):  # compiling itself takes a minute
        trainer, _ = fitted(tmp_path, "trainer.max_epochs=1", "trainer.compile=true")
    assert trainer.lightning_module.model._compiled_call_impl is not None
    state = lossbook.checkpoints.read.read(tmp_path / "checkpoints" / "last.ckpt")["state_dict"]
    assert not any("_orig_mod" in name for name in state)


def test_norms_that_rules_freeze_for_good_keep_their_statistics(tmp_path: Path) -> None:
    rule = "param_groups.rules=[{part: backbone, freeze: true}]"
    trainer, _ = fitted(tmp_path, "trainer.max_epochs=1", "callbacks=none", rule)
    norms = [each for each in trainer.lightning_module.model.modules() if isinstance(each, torch.nn.BatchNorm2d)]
    assert norms
    assert all(int(norm.num_batches_tracked) == 0 for norm in norms)
