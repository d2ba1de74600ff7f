from __future__ import annotations

from pathlib import Path

from lossbook import compose
from lossbook.renamed import use_current_names


def test_names_of_classes_that_have_moved() -> None:
    config = {
        "loss": {"criterion": {"_target_": "lossbook.objectives.criteria.info_nce.InfoNCELoss", "temperature": 0.1}},
        "callbacks": [{"_target_": "lossbook.callbacks.checkpoints.Checkpoints"}, {"_target_": "mine.Callback"}],
        "scheduler": {"_target_": "lossbook.optim.schedules.decay.Step", "gamma": 0.1},
        "text": "lossbook.loggers.CSV",
    }
    use_current_names(config, config)
    assert config == {
        "loss": {"criterion": {"_target_": "lossbook.losses.criteria.info_nce.InfoNCELoss", "temperature": 0.1}},
        "callbacks": [
            {"_target_": "lossbook.training.callbacks.checkpoints.Checkpoints"},
            {"_target_": "mine.Callback"},
        ],
        "scheduler": {"_target_": "lossbook.optim.schedules.decay.StepDecay", "gamma": 0.1},
        "text": "lossbook.loggers.CSV",
    }


def test_a_loss_of_a_users_own_may_name_them(tmp_path: Path) -> None:
    (tmp_path / "loss").mkdir()
    (tmp_path / "loss" / "mine.yaml").write_text(
        "criterion: {_target_: lossbook.objectives.criteria.soft_margin.SoftMarginLoss}\n"
        "accepts: {class: plus_minus_one}\n"
    )
    config = compose("loss=mine", config_dir=tmp_path)
    assert config.loss.criterion._target_ == "lossbook.losses.criteria.soft_margin.SoftMarginLoss"
