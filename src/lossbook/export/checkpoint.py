"""A checkpoint's network without its data: what it was fitted to is in the checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lossbook.build import build, of_kind
from lossbook.checkpoints.read import read
from lossbook.config.check import check
from lossbook.config.options import Options
from lossbook.config.resume import whose_config
from lossbook.data.fitted import FittedData, known_data
from lossbook.errors import refuse
from lossbook.losses.bind import bind_terms
from lossbook.losses.contract import Contract
from lossbook.losses.objective import Objective
from lossbook.tasks.task import Task, heads_of
from lossbook.training.assemble import build_model
from lossbook.training.checkpoint_fits import load_weights
from lossbook.training.module import LossbookModule
from lossbook.trust import Trust


@dataclass(frozen=True)
class Trained:
    """A trained network.

    Args:
        task: with its weights, in evaluation mode.
        fitted: what its data was fitted to.
        heads: contract and objective of each head, by its name.
        thresholds: chosen on validation, by the metric's name, behind the head's.
    """

    task: Task
    fitted: FittedData
    heads: Mapping[str, tuple[Contract, Objective]]
    thresholds: Mapping[str, float]


def trained(values: Mapping[str, Any], options: Options | None = None) -> Trained:
    """Build the network of ``values["ckpt"]`` and load its weights; averaged ones where the run averaged.

    Args:
        values: the checkpoint's config, resolved, as plain containers.
        options: that could have been chosen, for errors.

    Raises:
        UserError: the checkpoint is damaged, of an earlier version, or does not fit its own config.
    """
    checkpoint = read(values["ckpt"])
    with whose_config(values["ckpt"]):
        contract = check(values, options, trains=False)
    known = known_data(checkpoint)
    if known is None:
        given = f"ckpt={values['ckpt']} was written by an earlier version, and does not know its data."
        raise refuse(given, "What is exported needs the names and statistics of the data.", "train it again")
    trust = Trust.of(values)
    with whose_config(values["ckpt"]):
        terms = bind_terms(contract, known.schema, values["model"].get("embedding_dim"), trust)
        model = build_model(_as_trained(values["model"]), known.schema, heads_of(terms), trust)
        offered = {"model": model, "terms": terms}
        task = of_kind(build(values["task"], key="task", trust=trust, offered=offered), Task, "task", values["task"])
    module = LossbookModule(task, ("loss", "min"), make_optimizer=_no_optimizer)
    load_weights(module, values)
    module.eval()
    heads: dict[str, tuple[Contract, Objective]] = {}
    for term, objective in terms.values():
        heads.setdefault(term.target, (term.contract, objective))
    thresholds = {name: float(value) for name, value in module.test_meter.thresholds().items()}
    return Trained(task, known, heads, thresholds)


def _no_optimizer(*_: Any) -> Any:
    raise AssertionError("an exported network is not trained")


def _as_trained(node: Mapping[str, Any]) -> dict[str, Any]:
    """A model's node without what is only of training: a file that its weights started from, sparse gradients."""
    return {**node, **{key: value for key, value in (("weights", None), ("sparse", False)) if key in node}}
