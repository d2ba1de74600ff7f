"""From a plain config to the objects of a run: data, objective, module."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import lightning as L
from torch import nn

from lossbook.build import build, of_kind
from lossbook.data.aligning import aligned
from lossbook.data.digests import content, overlaps
from lossbook.data.fitted import FittedData
from lossbook.data.module import DataModule
from lossbook.data.positive_class import with_positive
from lossbook.data.source import PARTS, Parts, parts_of, source_of
from lossbook.errors import Problem, UserError, nearest, refuse, typed
from lossbook.losses.bind import bind
from lossbook.losses.contract import Contract
from lossbook.losses.objective import Objective
from lossbook.models.batch_norm import require_statistics
from lossbook.optim.checks import sparse_gradients
from lossbook.optim.make import OptimizerFactory
from lossbook.optim.resume import Loading
from lossbook.optim.schedules.make import scheduler_factory
from lossbook.training.module import LossbookModule
from lossbook.training.trial import require_module, try_batch
from lossbook.trust import Trust


@dataclass
class Assembly:
    """What a run is made of."""

    data: DataModule
    objective: Objective
    module: LossbookModule
    fitted: FittedData
    groups: list[dict[str, Any]]  # of parameters, as OptimizerFactory plans them
    directions: Mapping[str, str | None]  # which value of each metric is best: max, min, or None for unknown


def assemble(
    config: Mapping[str, Any],
    contract: Contract,
    trust: Trust,
    loading: Loading = Loading(),  # noqa: B008  (frozen)
    known: FittedData | None = None,
    evaluating: bool = False,
) -> Assembly:
    """Build data, objective and module.

    Args:
        config: whole and resolved, as plain containers.
        contract: of its loss, checked against it.
        trust: what the config may build.
        loading: how the optimizer's state is taken over from a checkpoint.
        known: what the checkpoint knows of its data.
        evaluating: the checkpoint is only tested.

    Raises:
        UserError: what only the data or the network can tell; all that is wrong with the data's targets at once.
    """
    L.seed_everything(config["seed"], verbose=False)
    make_optimizer = OptimizerFactory(config, trust, loading)
    data, fitted = build_data(config["data"], config["seed"], trust, known, evaluating)
    positive = config["data"].get("positive_class")
    objective = bind(contract, with_positive(data.schema, positive), config["model"].get("embedding_dim"), trust)
    if positive is not None and "f1" not in objective.directions():
        rule = f"f1 alone depends on it, and loss={contract.name} has none: it would have no effect."
        raise refuse(f"data.positive_class={typed(positive)}", rule, "leave it out")
    in_memory = check_in_memory(data, objective)
    if not evaluating and (target := data.targets("train")) is not None:
        objective.require_inputs(target)
    wanted = {"sparse": sparse_gradients(config)} if "sparse" in config["model"] else {}
    model = build_model({**config["model"], **wanted}, objective, trust)
    if not evaluating:
        require_statistics(model, data.schema.input_shape, data.fewest_inputs)
    watched, mode = primary(contract, objective)
    directions = {**objective.directions(), watched: mode}
    module = LossbookModule(
        model,
        objective,
        primary=(watched, mode),
        make_optimizer=make_optimizer,
        make_scheduler=scheduler_factory(config["scheduler"], trust, (f"val/{watched}", mode), directions),
        check_targets=not in_memory,
        repeats=make_optimizer.capability.closure,
    )
    try_batch(module, data, config)
    return Assembly(data, objective, module, fitted, make_optimizer.plan(module), directions)


def build_data(
    node: Mapping[str, Any], seed: int, trust: Trust, known: FittedData | None = None, evaluating: bool = False
) -> tuple[DataModule, FittedData]:
    """The data module of a data node, and what its data was fitted to."""
    parts = load(node, trust, known, evaluating)
    inputs = content(parts)
    parts = replace(parts, notes=(*parts.notes, *overlaps(inputs)))
    augment = [
        of_kind(build(each, key="data.augment", trust=trust), Callable, "data.augment", each)
        for each in node.get("augment") or ()
    ]
    data = DataModule(
        parts,
        node["batch_size"],
        seed,
        views=node.get("views", 1),
        limit=node.get("limit"),
        augment=augment,
        num_workers=node.get("num_workers", 0),
        needed=("test",) if evaluating else PARTS,
        fixed=known is not None,
    )
    used = replace(parts, schema=replace(data.schema, views=1))
    return data, FittedData.of(used, inputs, node.get("seed", 0), known)


def load(node: Mapping[str, Any], trust: Trust, known: FittedData | None = None, evaluating: bool = False) -> Parts:
    """The parts of a data node's source; for a checkpoint, in the terms that its network was trained in.

    Raises:
        UserError: the data cannot be read, or does not fit what the checkpoint knows of its own.
    """
    path = node["source"]["_target_"]
    source = source_of(build(node["source"], key="data.source", trust=trust), path)
    if known is None:
        return parts_of(source.load(), path)
    parts = parts_of(source.load_known(known, evaluating), path)
    seed = node.get("seed", 0)
    if parts.rows is None and seed != known.seed:
        raise refuse(
            f"data.seed={seed} with a checkpoint whose parts were drawn with data.seed={known.seed}.",
            "Its test part would hold samples that the checkpoint was trained on.",
            f"data.seed={known.seed}",
        )
    return aligned(parts, known)


def build_model(node: Mapping[str, Any], objective: Objective, trust: Trust) -> nn.Module:
    """The network, told the shape of its input and the size and kind of its output as far as it asks for them."""
    ours = {"embedding_dim", "gives", "takes"}
    offered = {
        "input_shape": objective.schema.input_shape,
        "output_size": objective.output_size,
        "output": objective.schema.output,
        "vocabulary": objective.schema.vocabulary,
    }
    arguments = {key: value for key, value in node.items() if key not in ours}
    return require_module(build(arguments, key="model", trust=trust, offered=offered), str(node.get("_target_")))


def check_in_memory(data: DataModule, objective: Objective) -> bool:
    """Check every target of a set in memory, once; whether the set is in memory."""
    problems: list[Problem] = []
    for name in PARTS:
        part = data.part(name)
        if not isinstance(part, Mapping):
            return False
        try:
            objective.check(dict(part), f"the {name} part")
        except UserError as error:
            problems.extend(error.problems)
    if problems:
        raise UserError(*problems)
    return True


def primary(contract: Contract, objective: Objective) -> tuple[str, str]:
    """The metric to watch and whether its largest or smallest value is best; a UserError where it is not measured."""
    kind, names = objective.schema.target, objective.directions()
    name, mode = contract.watched(kind)
    name = name or next(iter(names))
    if name not in names:
        near = nearest(str(name), names)
        raise refuse(
            f"loss.primary.{kind}={name}",
            f"Measured on these targets are {', '.join(names)}.",
            f"loss.primary.{kind}={near}" if near else "",
        )
    mode = mode or names[name]
    if mode is None:
        raise refuse(
            f"loss.primary.{kind}={name}",
            "This metric does not say whether its smallest or its largest value is best.",
            f"'loss.primary.{kind}={{name: {name}, mode: min}}' or 'loss.primary.{kind}={{name: {name}, mode: max}}'",
        )
    return name, mode
