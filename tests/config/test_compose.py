from __future__ import annotations

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from lossbook import compose
from lossbook.config.compose import composer
from lossbook.config.options import KEYS, Options, conf_folder
from lossbook.config.terms import contract_of
from lossbook.errors import UserError

LOSSES = Options([conf_folder()]).names("loss")
OPTIMIZERS = Options([conf_folder()]).names("optim")
one_for_all = composer()


def test_nothing_given_is_the_default_of_every_choice():
    config = compose()
    assert tuple(config) == KEYS
    assert config.choices.loss == "cross_entropy"
    assert config.choices.optim == "adam"
    assert config.choices.data == "digits"
    assert config.choices.model == "cnn"
    assert config.choices.logger == ["tensorboard"]
    assert (config.seed, config.ckpt, config.experiment) == (0, None, None)
    assert list(config.overrides) == []


@pytest.mark.parametrize("loss", LOSSES)
def test_a_loss_brings_its_data_and_the_data_its_model(loss: str):
    config = compose(f"loss={loss}")
    assert config.choices.loss == loss
    assert config.data.target in contract_of(loss, Options([conf_folder()])).accepts
    options = Options([conf_folder()])
    named = OmegaConf.load(conf_folder() / "data" / f"{config.choices.data}.yaml").defaults[0]
    assert options.names("model").count(config.choices.model) == 1
    assert config.choices.model == next(iter(named.values()))


def test_the_command_line_wins_over_options_tasks():
    config = compose("loss=ctc", "data=digits", "model=mlp")
    assert (config.choices.data, config.choices.model) == ("digits", "mlp")
    assert list(config.overrides) == ["loss=ctc", "data=digits", "model=mlp"]


def test_a_losss_data_beats_an_optimizers_and_the_defaults_lose_to_both(config_dir: Path):
    assert compose("optim=warm", config_dir=config_dir).choices.data == "diabetes"
    config = compose("optim=warm", "loss=ctc", config_dir=config_dir)
    assert (config.choices.data, config.optim.lr) == ("digit_lines", 0.5)


def test_a_loss_of_the_users_own_is_one_file(config_dir: Path):
    config = compose("loss=focal", config_dir=config_dir)
    assert (config.choices.loss, config.choices.data, config.choices.model) == ("focal", "digit_lines", "crnn")
    assert config.loss.criterion.gamma == 2.0
    with pytest.raises(UserError, match="There is no such folder"):
        compose("loss=focal", config_dir=config_dir / "nowhere")


def test_an_experiment_changes_much_and_the_command_line_still_wins(config_dir: Path):
    config = compose("experiment=lines", config_dir=config_dir)
    assert (config.choices.loss, config.choices.data, config.choices.model) == ("ctc", "digit_lines", "crnn")
    assert (config.experiment, config.seed, config.optim.lr) == ("lines", 3, 0.5)
    config = compose("experiment=lines", "data=scene_masks", "seed=4", config_dir=config_dir)
    assert (config.choices.data, config.choices.model, config.seed) == ("scene_masks", "unet", 4)


def test_an_experiments_mistakes_are_told_all_together(config_dir: Path):
    with pytest.raises(UserError) as caught:
        compose("experiment=typos", config_dir=config_dir)
    given = [problem.given for problem in caught.value.problems]
    assert given == [
        f"{what} in experiment/typos.yaml" for what in ("optim.lrr=0.5", "sed=3", "trainer.max_epochs=many")
    ]
    assert [problem.fix for problem in caught.value.problems][:2] == ["optim.lr=0.5", "seed=3"]
    with pytest.raises(UserError, match="# @package _global_"):
        compose("experiment=headless", config_dir=config_dir)


def test_several_loggers_and_none():
    both = compose("logger=[tensorboard,csv]")
    assert list(both.logger) == list(both.choices.logger) == ["tensorboard", "csv"]
    assert compose("logger=csv").choices.logger == "csv"
    assert not compose("logger=none").logger


@pytest.mark.parametrize(
    "override", ["optim.lr=fast", "seed=1.5", "seed=null", "optim.betas=0.9", "data.batch_size=some", "optim.amsgrad=1"]
)
def test_a_value_of_another_type_is_refused(override: str):
    with pytest.raises(UserError) as caught:
        compose(override)
    (problem,) = caught.value.problems
    assert problem.given == override
    assert problem.rule.startswith("A value must have the type of its default (null takes any)")


@pytest.mark.parametrize(
    "override", ["optim.lr=1", "data.batch_size=all", "loss.criterion.weight=[1,2]", "loss.criterion.weight=auto"]
)
def test_values_that_fit_go_in(override: str):
    key, _, value = override.partition("=")
    assert str(OmegaConf.select(compose(override), key)).replace(" ", "") == value


def test_what_has_no_effect_is_refused():
    for override in ("++colour=red", "~loss", "loss=[mse,l1]", "hydra.run.dir=x", "experiment=[a]"):
        with pytest.raises(UserError):
            compose(override)


def test_keys_of_the_result_cannot_be_misspelt():
    config = compose()
    config.optim.lr = 0.5
    with pytest.raises(AttributeError):
        config.optim.lrr = 0.5


def test_an_interpolation_on_the_command_line_is_resolved_where_its_value_stands():
    config = compose("optim.lr=${loss.criterion.label_smoothing}")
    assert config.optim.lr == 0.0
    assert config.overrides[0] == "optim.lr=${loss.criterion.label_smoothing}"


@pytest.mark.filterwarnings("ignore:The version_base parameter:UserWarning")  # from 1.4 on it has no effect
def test_hydras_global_state_stays_as_it_is():
    from hydra import initialize, version
    from hydra.core.global_hydra import GlobalHydra
    from hydra.core.hydra_config import HydraConfig

    before, initialized = version.VersionBase.instance().version_base, HydraConfig.initialized()
    compose()
    assert version.VersionBase.instance().version_base is before
    assert not GlobalHydra.instance().is_initialized()
    assert HydraConfig.initialized() == initialized
    with initialize(config_path=None, version_base="1.3"):  # in the middle of another Hydra program
        mine, base = GlobalHydra.instance().hydra, version.getbase()
        compose("loss=ctc")
        assert GlobalHydra.instance().hydra is mine
        assert version.getbase() is base
    version.VersionBase.instance().version_base = before


@pytest.mark.parametrize("loss", LOSSES)
def test_a_composer_gives_what_compose_gives_for_every_loss_and_optimizer(loss: str):
    for optim in OPTIMIZERS:
        given = (f"loss={loss}", f"optim={optim}", "optim.lr=0.5")
        one, other = one_for_all(*given), compose(*given)
        assert one == other
        assert list(one) == list(other)


def test_a_composer_refuses_what_compose_refuses(config_dir: Path):
    mine = composer(config_dir)
    for wrong in ("loss=ctcc", "optim.lr=fast", "experiment=typos", "loss=broken", "~loss"):
        for _ in range(2):
            with pytest.raises(UserError) as caught:
                mine(wrong)
            with pytest.raises(UserError) as expected:
                compose(wrong, config_dir=config_dir)
            assert str(caught.value) == str(expected.value)
    assert mine("loss=focal").choices.loss == "focal"


def test_configs_of_one_composer_have_nothing_in_common():
    first, second = one_for_all("optim=sgd"), one_for_all("optim=sgd")
    first.optim.lr, first.data.seed = 7, 7
    assert (second.optim.lr, second.data.seed) == (compose("optim=sgd").optim.lr, 0)
    assert one_for_all("optim=sgd") == second


def test_compose_sees_a_file_that_was_edited_and_a_composer_does_not(tmp_path: Path):
    (tmp_path / "optim").mkdir()
    path = tmp_path / "optim" / "own.yaml"
    path.write_text("{_target_: torch.optim.SGD, lr: 1.0}")
    mine = composer(tmp_path)
    assert mine("optim=own").optim.lr == compose("optim=own", config_dir=tmp_path).optim.lr == 1
    path.write_text("{_target_: torch.optim.SGD, lr: 22.0}")
    assert (mine("optim=own").optim.lr, compose("optim=own", config_dir=tmp_path).optim.lr) == (1, 22)


def test_augmentation_by_name_is_that_of_the_data(config_dir: Path):
    assert compose().augment is None
    config = compose("augment=strong", "data=digit_views")
    assert (config.augment, config.choices.augment) == ("strong", "strong")
    assert [one._target_.rpartition(".")[2] for one in config.data.augment] == [
        "ResizedCrop", "HorizontalFlip", "ColorJitter", "Erasing",
    ]  # fmt: skip
    assert compose("augment=none", "data=digit_views").data.augment is None
    assert compose("augment=randaugment", "data.augment.0.magnitude=12").data.augment[0].magnitude == 12
    (config_dir / "experiment").mkdir(exist_ok=True)
    recipe = "# @package _global_\ndefaults:\n  - override /augment: light\n"
    (config_dir / "experiment" / "flipped.yaml").write_text(recipe)
    flipped = compose("experiment=flipped", config_dir=config_dir)
    assert (flipped.augment, len(flipped.data.augment)) == ("light", 2)
    assert compose("experiment=flipped", "data.augment=null", config_dir=config_dir).data.augment is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["augment=light", "data.augment=null"], "one of the two"),
        (["augment=ligth"], "Fix: augment=light"),
        (["augment=[light,strong]"], "augment takes one option"),
        (["+augment.p=1"], "has no keys of its own"),
        (["augment=bare"], "# @package _global_"),
    ],
)
def test_augmentation_that_makes_no_sense(config_dir: Path, arguments: list[str], said: str):
    (config_dir / "augment").mkdir(exist_ok=True)
    (config_dir / "augment" / "bare.yaml").write_text("data: {augment: null}\n")
    with pytest.raises(UserError, match=said):
        compose(*arguments, config_dir=config_dir)
