"""conf/loss against the live signatures of the criteria: every argument spelt out, at torch's own default."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
import yaml

from lossbook.build import target
from lossbook.config.options import conf_folder
from lossbook.trust import OWN_CONFIG

FILES = sorted((conf_folder() / "loss").glob("*.yaml"))
ALONE = [file for file in FILES if file.stem != "sum"]
DEPRECATED = {"size_average", "reduce"}
# where torch's default does not train, or means something else than the loss's name says
DEPARTURES = {("kl_div", "reduction"): "batchmean", ("margin_ranking", "margin"): 1.0}
NINETEEN = """
    bce bce_logits cosine_embedding cross_entropy ctc hinge_embedding info_nce kl_div l1 margin_ranking mse multi_margin
    multilabel_margin multilabel_soft_margin nll poisson_nll smooth_l1 soft_margin triplet_margin
""".split()  # noqa: SIM905


def test_all_nineteen_are_there():
    assert set(NINETEEN) <= {file.stem for file in FILES}


@pytest.mark.parametrize("file", ALONE, ids=lambda file: file.stem)
def test_arguments(file: Path):
    node = yaml.safe_load(file.read_text())["criterion"]
    parameters = inspect.signature(target(node.pop("_target_"), trust=OWN_CONFIG)).parameters
    assert set(node) == set(parameters) - DEPRECATED
    for name, value in node.items():
        expected = DEPARTURES.get((file.stem, name), parameters[name].default)
        assert value == expected, name
        assert type(value) is type(expected), name


@pytest.mark.parametrize(("loss", "argument"), DEPARTURES)
def test_a_departure_is_said_and_real(loss, argument):
    text = (conf_folder() / "loss" / f"{loss}.yaml").read_text()
    head = text.partition("\ncriterion:")[0]
    assert f"# {argument} differs from torch's default" in head
    node = yaml.safe_load(text)["criterion"]
    assert node[argument] != inspect.signature(target(node["_target_"], trust=OWN_CONFIG)).parameters[argument].default


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_head_comment_gives_the_command(file: Path):
    head = [line for line in file.read_text().splitlines() if line.startswith("#")]
    assert any(f"python scripts/train.py loss={file.stem}" in line for line in head)


@pytest.mark.parametrize("file", ALONE, ids=lambda file: file.stem)
def test_every_accepted_kind_has_a_primary_metric_that_is_measured(file: Path, contract, schema):
    from lossbook.losses.bind import bind
    from lossbook.training.meter import Meter

    bound = contract(f"loss={file.stem}")
    assert set(bound.primary) == set(bound.accepts)
    for kind, primary in bound.primary.items():
        measures = bind(bound, schema(kind)).measures()
        inside = {"retrieval": ["recall_at_1", "map_at_r"], "verification": ["pair_acc", "auroc"]}
        inside |= {"ordering": ["acc", "spearman"], "errors": ["cer", "wer"]}
        names = [name for measure in measures for name in inside.get(measure, [measure])]
        assert primary in [*names, "top1"]  # top1 is a metric of the views themselves
        assert Meter({"": measures}).metrics.keys() == measures.keys()
