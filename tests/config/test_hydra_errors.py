from __future__ import annotations

from pathlib import Path

import pytest
from hydra.core.plugins import Plugins
from hydra.errors import ConfigCompositionException, MissingConfigException
from hydra.plugins.config_source import ConfigLoadError

from lossbook import compose
from lossbook.config.hydra_errors import user_error
from lossbook.config.missing_option import architectures
from lossbook.config.options import conf_folder
from lossbook.errors import UserError


def refusal(*overrides: str, config_dir: Path | None = None) -> tuple[str, str, str]:
    with pytest.raises(UserError) as caught:
        compose(*overrides, config_dir=config_dir)
    (problem,) = caught.value.problems
    assert len(str(problem).splitlines()) <= 4
    return problem.given, problem.rule, problem.fix


@pytest.mark.parametrize(
    ("given", "fix"),
    [
        ("loss=ctcc", "loss=ctc"),
        ("los=ctc", "loss=ctc"),
        ("optim=adamm", "optim=adam"),
        ("optim.lrr=0.1", "optim.lr=0.1"),
        ("optm.lr=0.1", "optim.lr=0.1"),
        ("lr=0.1", "optim.lr=0.1"),
        ("epochs=5", "data.epochs=5"),
        ("batch_size=8", "data.batch_size=8"),
        ("sed=1", "seed=1"),
        ("ctc", "loss=ctc"),
        ("sgd", "optim=sgd"),
        ("+optim.lr=1", "optim.lr=1"),
        ("+loss=ctc", "loss=ctc"),
        ("optim@other=sgd", "optim=sgd"),
        ("~optim.lrr", "~optim.lr"),
        ("loss={criterion: {wieght: 1}}", "loss.criterion.weight=..."),
        ("loss=mse,l1", "-m 'loss=mse,l1' for a sweep"),
        ("loss=glob(*)", "-m 'loss=glob(*)' for a sweep"),
        ("optim.lr=0.1,1", "-m 'optim.lr=0.1,1' for a sweep, or 'optim.lr=[0.1,1]' for a list"),
        ("logger=tensorboard,csv", "-m 'logger=tensorboard,csv' for a sweep, or 'logger=[tensorboard,csv]' for a list"),
        ("data.positive_class=a=b", "\"data.positive_class='a=b'\""),
        ("optim.dampening=0.9", "choose one that has it: optim=sgd"),
        ("optim.lt=0.1", "optim.lr=0.1"),
        ("optim=xyz", "optim=NAME, one of these"),
        ("experiment=foo", "experiment=NAME, one of these"),
        ("callbacks.checkpoints=null", "~callbacks.checkpoints"),
        ("trainer.precision=16", "trainer.precision=16-mixed"),
        ("trainer.fast_dev_run=true", "trainer=one_batch"),
    ],
)
def test_the_fix_names_the_nearest_thing_that_exists(given: str, fix: str):
    assert refusal(given)[::2] == (given, fix)


def test_a_misspelt_option_is_answered_with_all_there_are():
    given, rule, _ = refusal("model=unett")
    assert given == "model=unett"
    assert "cnn" in rule
    assert "crnn" in rule


def test_of_many_options_the_nearest_are_named():
    _, rule, fix = refusal("loss=mes")
    assert rule.startswith("There is no loss mes. There are: mse, ")
    assert rule.endswith("(21 in all: --help).")
    assert (fix, len(rule) < 130) == ("loss=mse", True)
    assert "triplet_margin" in refusal("loss=foooo")[1]  # nothing is near: all of them


def test_what_a_short_loss_of_the_users_leaves_out_is_added(tmp_path: Path):
    (tmp_path / "loss").mkdir()
    (tmp_path / "loss" / "short.yaml").write_text(
        "criterion: {_target_: torch.nn.MSELoss}\naccepts: {class: one_hot}\n"
    )
    given = "loss.activation=sigmoid"
    assert refusal("loss=short", given, config_dir=tmp_path)[::2] == (given, f"+{given}")
    assert compose("loss=short", f"+{given}", config_dir=tmp_path).loss.activation == "sigmoid"


@pytest.mark.parametrize("given", ["loss=3", "loss=null", "loss=true", "loss="])
def test_a_group_takes_a_name(given: str):
    assert refusal(given)[0] == given
    assert refusal(given)[1].startswith("loss takes the name of an option")


def test_brackets_that_the_shell_took_apart_are_put_together():
    assert refusal("logger=[tensorboard,", "csv]") == (
        "logger=[tensorboard,",
        "Brackets must be closed within one argument; the shell splits arguments at blanks.",
        "'logger=[tensorboard,csv]'",
    )


def test_a_misspelt_setting_of_a_launcher():
    Plugins.instance()  # as hydra.main has them all
    error = ConfigCompositionException("Could not override 'hydra.launcher.n_job'.")
    arguments = ["hydra/launcher=joblib", "hydra.launcher.n_job=2"]
    worded = user_error(error, arguments, [conf_folder()])
    assert worded is not None
    assert worded.problems[0].fix == "hydra.launcher.n_jobs=2"


def test_a_mapping_where_a_list_stands():
    given, rule, fix = refusal("optim.betas={a: 1}")
    assert given == "optim.betas={a: 1}"
    assert rule.endswith("the default is [0.9,0.999].")
    assert "optim.betas=[0.9,0.999]" in fix


def test_mistakes_in_a_users_own_files(config_dir: Path):
    given, rule, _ = refusal("loss=broken", config_dir=config_dir)
    assert given.endswith("broken.yaml, line 2")
    assert rule.startswith("This is not YAML")
    assert refusal("loss=short", config_dir=config_dir)[2] == "rename short.yml to short.yaml"
    assert refusal("loss=ctcc", config_dir=config_dir)[::2] == ("loss=ctcc", "loss=ctc")  # beside short.yml
    assert refusal("loss=greedy", config_dir=config_dir)[0]


def test_a_misnamed_file_that_no_argument_names(config_dir: Path):
    error = ConfigLoadError("Unsupported config file extension '.yml'. ...")  # as Hydra 1.4 has it, without the file
    worded = user_error(error, ["experiment=lines"], [conf_folder(), config_dir])
    assert worded is not None
    (problem,) = worded.problems
    assert problem.given == str(config_dir / "loss" / "short.yml")
    assert problem.fix == "rename short.yml to short.yaml"


def test_a_misspelt_option_of_hydras_own():
    message = "In 'hydra/config': Could not find 'hydra/launcher/jobslib'"
    error = MissingConfigException(message, "hydra/launcher/jobslib", ["basic", "joblib"])
    worded = user_error(error, ["hydra/launcher=jobslib"], [conf_folder()])
    assert str(worded).splitlines() == [
        "hydra/launcher=jobslib",
        "  There is no hydra/launcher jobslib. There are: basic, joblib.",
        "  Fix: hydra/launcher=joblib",
    ]


def test_errors_that_are_not_the_users_stay_as_they_are(monkeypatch: pytest.MonkeyPatch):
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("lossbook.config.compose.reader", lambda _: broken)
    with pytest.raises(ZeroDivisionError):
        compose()


def test_a_launcher_that_is_not_installed_is_answered_with_how_to_get_it() -> None:
    message = "In 'hydra/config': Could not find 'hydra/launcher/joblib'"
    error = MissingConfigException(message, "hydra/launcher/joblib", ["basic"])
    worded = user_error(error, ["hydra/launcher=joblib"], [conf_folder()])
    assert worded is not None
    assert worded.problems[0].fix.startswith("pip install -e '.[sweep]'")


def test_torchvisions_architectures_are_found_without_importing_it() -> None:
    from torchvision import models

    assert set(architectures()) == set(models.list_models(module=models))
    for given, arch in (("resnet18", "resnet18"), ("resnet-50", "resnet50"), ("ViT_B_16", "vit_b_16")):
        assert refusal(f"model={given}")[2] == f"model=torchvision model.arch={arch}"
    assert refusal("model=unte")[2] == "model=unet"


def test_a_group_that_is_left_out_by_a_number() -> None:
    given, rule, fix = refusal("~scheduler=1")
    assert (given, fix) == ("~scheduler=1", "scheduler=cosine")
    assert rule.startswith("Every run needs the group scheduler: ")
