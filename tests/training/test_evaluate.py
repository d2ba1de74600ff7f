"""The metrics of a checkpoint."""

from __future__ import annotations

from pathlib import Path

import pytest

import lossbook
from lossbook.errors import UserError

SHORT = ("data.limit=96", "data.batch_size=32", "trainer=cpu", "trainer.max_epochs=1", "logger=none")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, float]]:
    folder = tmp_path_factory.mktemp("run")
    metrics = lossbook.train(lossbook.compose("loss=multilabel_margin", *SHORT), folder)
    return folder / "checkpoints" / "best.ckpt", metrics


def test_it_gives_the_metrics_that_the_run_gave(trained: tuple[Path, dict[str, float]]) -> None:
    path, metrics = trained
    found = lossbook.evaluate(lossbook.compose(f"ckpt={path}"))
    tested = {tag: value for tag, value in metrics.items() if tag.startswith("test/")}
    assert found == pytest.approx(tested)  # the threshold of f1 is that of validation, and in the checkpoint


def test_on_other_data(trained: tuple[Path, dict[str, float]]) -> None:
    path, _ = trained
    found = lossbook.evaluate(lossbook.compose(f"ckpt={path}", "data.limit=48"))
    assert 0 <= found["test/lrap"] <= 1


def test_a_checkpoint_of_an_experiment(tmp_path: Path) -> None:
    metrics = lossbook.train(lossbook.compose("experiment=two_heads", *SHORT), tmp_path)
    found = lossbook.evaluate(lossbook.compose(f"ckpt={tmp_path / 'checkpoints/best.ckpt'}"))
    assert found["test/labels_map"] == pytest.approx(metrics["test/labels_map"])


def test_data_that_the_weights_do_not_fit_is_refused(tmp_path: Path) -> None:
    lossbook.train(lossbook.compose("loss=bce", "data=breast_cancer", *SHORT), tmp_path)
    table = tmp_path / "table.csv"
    table.write_text("a,b,y\n" + "".join(f"{row},{row % 7},{row % 2}\n" for row in range(60)))
    path, other = tmp_path / "checkpoints/best.ckpt", ["data=csv", f"data.root={table}", "data.target_columns=[y]"]
    with pytest.raises(UserError, match="not trained on a table") as caught:
        lossbook.evaluate(lossbook.compose(f"ckpt={path}", *other))
    assert all(len(line) < 300 for line in str(caught.value).splitlines())


@pytest.mark.parametrize(
    "given",
    [
        "model=mlp",
        "loss=mse",
        "loss.criterion.reduction=sum",
        "optim.lr=1",
        "trainer.max_epochs=3",
        "callbacks=none",
        "data.epochs=5",
        "data.augment=[{_target_: lossbook.data.augment.GaussianNoise}]",
    ],
)
def test_what_has_no_effect_on_a_test_is_refused(trained: tuple[Path, dict[str, float]], given: str) -> None:
    path, _ = trained
    with pytest.raises(UserError) as caught:
        lossbook.evaluate(lossbook.compose(f"ckpt={path}", given, "data.limit=48", "trainer.accelerator=cpu"))
    (problem,) = caught.value.problems
    assert (problem.given, problem.fix) == (given, f"remove {given}")


def test_without_a_checkpoint_it_says_so() -> None:
    with pytest.raises(UserError, match="ckpt"):
        lossbook.evaluate(lossbook.compose("loss=nll"))
