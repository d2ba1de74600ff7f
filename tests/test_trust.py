from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import lossbook
from lossbook.build import build, target
from lossbook.checkpoints.read import read
from lossbook.errors import UserError
from lossbook.trust import BY_NAME, DEFINED_IN, NOT_IN, OWN_CONFIG, Trust

SHORT = ("data.limit=48", "data.batch_size=24", "trainer=cpu", "trainer.max_epochs=1", "logger=none")
FUNCTIONS = """
    os.system builtins.eval builtins.exec subprocess.run runpy.run_path pickle.loads shutil.rmtree
    torch.load torch.hub.load torch.utils.cpp_extension.load torch.utils.cpp_extension.load_inline torch.compile
    torch.jit.load torch.jit.script torch.export.load torch.package.PackageImporter torch.utils.data.DataLoader
    torchvision.models.resnet18 torchvision.models.get_model
    torchvision.models.feature_extraction.create_feature_extractor
    lossbook.build.build lossbook.build.target lossbook.build.importlib.import_module lossbook.build.pkgutil.os.system
""".split()  # noqa: SIM905
MODULES_THAT_RUN_CODE = """
    torch.fx.GraphModule torch.fx.graph_module.GraphModule torch.jit.ScriptModule torch.nn.cpp.ModuleWrapper
    torch.distributed.nn.RemoteModule torch.distributed.nn.api.remote_module.RemoteModule
    torch.export.unflatten.UnflattenedModule
    torchvision.models.feature_extraction.DualGraphModule torch.nn.modules.module.torch.fx.GraphModule
    torchmetrics.multimodal.CLIPScore torchmetrics.multimodal.clip_score.CLIPScore torchmetrics.text.BERTScore
    torchmetrics.text.InfoLM torchmetrics.text.bert.BERTScore torchmetrics.text.rouge.ROUGEScore
    torchmetrics.image.FrechetInceptionDistance torchmetrics.text.SacreBLEUScore torchmetrics.audio.DeepNoiseSuppression
    torchmetrics.MetricCollection
""".split()  # noqa: SIM905
ROUNDABOUT = """
    torch.nn.modules.os.system torch.nn.modules.module.functools.partial torch.nn.modules.module.torch.load
    torch.nn.Embedding.from_pretrained torch.nn.Module.load_state_dict torch.nn.Module.__init_subclass__
    torch.nn.Module.__init__.__globals__ torch.optim.Adam.__class__ torch.optim.lr_scheduler.types.FunctionType
    torchmetrics.Metric.__subclasses__ lossbook.__main__.main lossbook.trust.Trust lossbook.trust.re.compile
    torch.nn.utils.parametrize.ParametrizationList torchvision.datasets.MNIST torchvision.ops.misc.Callable
    torch.nn.modules.linear.Parameter torch.optim.optimizer.OrderedDict torch.optim.swa_utils.deepcopy
""".split()  # noqa: SIM905
SAFE = """
    torch.nn.MSELoss torch.nn.modules.loss.CTCLoss torch.nn.functional.mse_loss torchvision.ops.sigmoid_focal_loss
    torch.optim.AdamW torch.optim.Muon torch.optim.lr_scheduler.CosineAnnealingLR torchmetrics.Accuracy
    torchmetrics.classification.MulticlassF1Score torchmetrics.regression.R2Score
    torchmetrics.classification.MulticlassCalibrationError torchmetrics.segmentation.DiceScore
    torchvision.transforms.v2.RandomCrop torchvision.models.ResNet lossbook.models.cnn.CNN lossbook.data.digits.Digits
    lightning.pytorch.callbacks.EarlyStopping lightning.pytorch.loggers.TensorBoardLogger
    lossbook.training.callbacks.progress.Progress lossbook.training.loggers.CSV lossbook.tasks.supervised.Supervised
""".split()  # noqa: SIM905


@pytest.mark.parametrize("path", FUNCTIONS + MODULES_THAT_RUN_CODE + ROUNDABOUT)
def test_a_checkpoint_cannot_reach(path: str) -> None:
    with pytest.raises(UserError):
        target(path)


@pytest.mark.parametrize(
    "path", ["a", "", ".", "torch..load", "torch.nn.", "torch.nn.MSELoss()", "torch nn", None, 3, ["a"]]
)
def test_malformed_names_are_refused_for_checkpoints_and_for_users(path: object) -> None:
    for trust in (Trust(), OWN_CONFIG):
        with pytest.raises(UserError):
            build({"_target_": path}, trust=trust)


@pytest.mark.parametrize("path", SAFE)
def test_a_checkpoint_may_name(path: str) -> None:
    assert callable(target(path))


def test_every_name_on_the_list_exists() -> None:
    assert all(callable(target(path)) for path in BY_NAME)


def test_no_module_is_imported_before_its_name_is_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "evil_module.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    for config in (
        {"_target_": "evil_module.Net"},
        {"_target_": "torch.nn.Sequential", "layers": [{"deep": {"_target_": "evil_module.Net"}}]},
    ):
        with pytest.raises(UserError, match="evil_module"):
            build(config)
    assert "evil_module" not in sys.modules


def test_all_foreign_names_are_said_at_once_with_the_word_to_give() -> None:
    config = {"model": {"_target_": "my_pkg.Net"}, "data": {"augment": [{"_target_": "os.system", "command": "true"}]}}
    with pytest.raises(UserError) as error:
        Trust().check_names(config)
    assert "my_pkg.Net, os.system" in str(error.value)
    assert "+trust=[my_pkg.Net,os.system]" in str(error.value)
    with pytest.raises(UserError, match=re.escape("+trust=[my_pkg.Net,os.system]")):  # the word given before is kept
        Trust(("my_pkg.Net",)).check_names(config)


def test_the_users_word_opens_one_name_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_nets.py").write_text("class Net:\n    pass\n\nclass Other:\n    pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    trust = Trust(("own_nets.Net",))
    assert type(build({"_target_": "own_nets.Net"}, trust=trust)).__name__ == "Net"
    with pytest.raises(UserError, match=r"own_nets\.Other"):
        build({"_target_": "own_nets.Other"}, trust=trust)


def test_a_users_own_config_may_name_anything() -> None:
    assert build({"_target_": "fractions.Fraction", "numerator": 1, "denominator": 2}, trust=OWN_CONFIG) == 0.5


def test_checking_names_needs_no_torch() -> None:
    check = "lossbook.trust.Trust().check_names({'_target_': 'torch.nn.MSELoss'})"
    code = f"import sys, lossbook.trust; {check}; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


RUNS_CODE = re.compile(
    r"(?<![\w.])(eval|exec|compile|__import__)\((?!\)|self)|import_module\(|\b(Model|Tokenizer|Processor|Config)\w*\.from_pretrained\(|torch\.load\("
    r"|torch\.hub|pickle\.load|subprocess|os\.system|cpp_extension|GraphModule|nltk\.download"
)
TOUCHES_THE_DISK = re.compile(
    r"\bopen\(|download|urlopen|urlretrieve|requests\.|from_pretrained|torch\.(load|save|hub)|makedirs|mkdir|\.write"
)
KNOWN = {
    "torch/optim/optimizer.py": "in a docstring",
    "torchvision/models/_api.py": "finds a builder's weights, and is reached through functions alone",
}


def _sources(module: str) -> list[Path]:
    spec = importlib.util.find_spec(module)
    origin = Path(str(spec and spec.origin))
    assert origin.is_file(), module
    return sorted(origin.parent.rglob("*.py")) if origin.name == "__init__.py" else [origin]


@pytest.mark.parametrize("module", [module for module in DEFINED_IN if module != "lossbook"])
def test_nothing_in_the_safe_modules_runs_what_it_is_given(module: str) -> None:
    """A newer torch may bring what the list does not know: then it is to be looked at."""
    excluded = {file for name in NOT_IN for file in _sources(name)}
    for file in _sources(module):
        if file in excluded or any(file.as_posix().endswith(known) for known in KNOWN):
            continue
        found = RUNS_CODE.search(file.read_text())
        assert found is None, f"{file}: {found}"


def test_no_metric_that_a_checkpoint_may_name_downloads_or_writes() -> None:
    """Their classes and the functions that these call; the rest of torchmetrics is left out for it, or for no use."""
    modules = [module for module in DEFINED_IN if module.startswith("torchmetrics.")]
    files = [file for module in modules for file in _sources(module)]
    functional = [
        module.replace("torchmetrics.", "torchmetrics.functional.") for module in modules if "wrappers" not in module
    ]
    files += [file for module in functional for file in _sources(module)]
    for file in files:
        found = TOUCHES_THE_DISK.search(file.read_text())
        assert found is None, f"{file}: {found}"


def test_only_a_checkpoints_config_is_a_strangers() -> None:
    assert Trust.of({"ckpt": None}) is OWN_CONFIG
    assert Trust.of({"ckpt": "x.ckpt"}) == Trust(())
    assert Trust.of({"ckpt": "x.ckpt", "trust": ["mine.Net"]}) == Trust(("mine.Net",))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("run")
    lossbook.train(lossbook.compose("loss=nll", *SHORT), folder)
    return read(folder / "checkpoints" / "last.ckpt")


@pytest.mark.parametrize("group", ["model", "criterion", "source", "optim", "callbacks"])
def test_a_checkpoint_that_asks_for_code_is_refused(checkpoint: dict[str, Any], group: str, tmp_path: Path) -> None:
    config = checkpoint["lossbook"]["config"]
    evil = {"_target_": "torch.utils.cpp_extension.load_inline", "name": "x", "cpp_sources": "int main() {}"}
    changed = {
        "model": {**config, "model": evil},
        "criterion": {**config, "loss": {**config["loss"], "criterion": {**evil, "ignore_index": -100}}},
        "source": {**config, "data": {**config["data"], "source": evil}},
        "optim": {**config, "optim": evil},
        "callbacks": {**config, "callbacks": {"x": evil}},
    }[group]
    # nor may the file declare itself trusted
    changed |= {"trust": ["torch.utils.cpp_extension.load_inline"], "ckpt": None}
    path = tmp_path / "evil.ckpt"
    torch.save({**checkpoint, "lossbook": {**checkpoint["lossbook"], "config": changed}}, path)
    with pytest.raises(UserError, match="load_inline"):
        lossbook.train(lossbook.compose(f"ckpt={path}", "trainer.max_epochs=2"), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_own_modules_are_trusted_with_own_runs_where_a_setting_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_module.py").write_text("import os\n\nclass Net:\n    pass\n")
    for place in ("outputs/run", "downloads"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "a.ckpt").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    node, inside = {"_target_": "own_module.Net"}, {"ckpt": "outputs/run/a.ckpt"}
    assert Trust.of(inside).unknown(node)
    monkeypatch.setenv("LOSSBOOK_TRUST", "own")
    assert type(build(node, trust=Trust.of(inside))).__name__ == "Net"
    for stranger in ("own_module.os.system", "subprocess.run", "os.system"):
        with pytest.raises(UserError):
            build({"_target_": stranger}, trust=Trust.of(inside))
    assert Trust.of({"ckpt": "downloads/a.ckpt"}).unknown(node)
    monkeypatch.setenv("LOSSBOOK_TRUST", "all")
    with pytest.raises(UserError, match="LOSSBOOK_TRUST=all"):
        Trust.of(inside)
