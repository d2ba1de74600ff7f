"""From a plain config to the objects of a run: data, objective, module."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import lightning as L
from torch import nn
from torch.optim import Optimizer

from lossbook.build import bind as bind_node
from lossbook.build import build, target
from lossbook.data.module import DataModule
from lossbook.errors import Problem, UserError, nearest, refuse
from lossbook.models.batch_norm import require_statistics
from lossbook.module import LossbookModule, MakeOptimizer, MakeScheduler
from lossbook.objectives.bind import bind
from lossbook.objectives.contract import Contract
from lossbook.objectives.objective import Objective
from lossbook.optim.capabilities import capability
from lossbook.optim.groups import parameter_groups
from lossbook.trust import Trust


@dataclass
class Assembly:
    """What a run is made of."""

    data: DataModule
    objective: Objective
    module: LossbookModule


def assemble(config: Mapping[str, Any], contract: Contract, trust: Trust) -> Assembly:
    """Build data, objective and module.

    Args:
        config: whole and resolved, as plain containers.
        contract: of its loss, checked against it.
        trust: what the config may build.

    Raises:
        UserError: what only the data or the network can tell; all that is wrong with the data's targets at once.
    """
    L.seed_everything(config["seed"], verbose=False)
    data = build_data(config["data"], config["seed"], trust)
    objective = bind(contract, data.schema, config["model"].get("embedding_dim"), trust)
    in_memory = check_in_memory(data, objective)
    model = build_model(config["model"], objective, trust)
    require_statistics(model, data.schema.input_shape, data.fewest_inputs)
    module = LossbookModule(
        model,
        objective,
        primary=primary(contract, objective),
        make_optimizer=optimizer_factory(config["optim"], config["param_groups"], trust),
        make_scheduler=scheduler_factory(config["scheduler"], trust),
        check_targets=not in_memory,
    )
    return Assembly(data, objective, module)


def build_data(node: Mapping[str, Any], seed: int, trust: Trust) -> DataModule:
    """The data module of a data node."""
    parts = build(node["source"], key="data.source", trust=trust).load()
    augment = [build(each, key="data.augment", trust=trust) for each in node.get("augment") or ()]
    return DataModule(
        parts,
        node["batch_size"],
        seed,
        views=node.get("views", 1),
        limit=node.get("limit"),
        augment=augment,
        num_workers=node.get("num_workers", 0),
    )


def build_model(node: Mapping[str, Any], objective: Objective, trust: Trust) -> nn.Module:
    """The network, told the shape of its input and the size and kind of its output as far as it asks for them."""
    ours = {"embedding_dim", "gives"}
    offered = {
        "input_shape": objective.schema.input_shape,
        "output_size": objective.output_size,
        "output": objective.schema.output,
    }
    arguments = {key: value for key, value in node.items() if key not in ours}
    model: nn.Module = build(arguments, key="model", trust=trust, offered=offered)
    return model


def check_in_memory(data: DataModule, objective: Objective) -> bool:
    """Check every target of a set in memory, once; whether the set is in memory."""
    problems: list[Problem] = []
    for name in ("train", "val", "test"):
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
    kind, names = objective.schema.target, objective.watchable()
    name = contract.primary.get(kind) or names[0]
    if name not in names:
        near = nearest(str(name), names)
        raise refuse(
            f"loss.primary.{kind}={name}",
            f"Measured on these targets are {', '.join(names)}.",
            f"loss.primary.{kind}={near}" if near else "",
        )
    return name, "min" if name in ("loss", "mae", "rmse", "cer", "wer", "kl") else "max"


def optimizer_factory(node: Mapping[str, Any], groups: Mapping[str, Any], trust: Trust) -> MakeOptimizer:
    """module -> optimizer over its parameter groups, fused wherever that is right."""
    arguments = dict(node)
    path = arguments["_target_"]
    if arguments.get("fused") is None and capability(path).fused and not _excludes_fused(arguments):
        arguments["fused"] = True
    bind_node(arguments, key="optim", trust=trust)  # unknown names are said before any data is read

    def make(module: nn.Module) -> Optimizer:
        # what an objective learns (a temperature) has a scale of its own, which decay would only distort
        learnt = {"match": "objective.*", "weight_decay": 0.0}
        rules = groups.get("rules") or ()
        problems = [problem for rule in rules for problem in _rule_problems(rule, arguments)]
        if problems:
            raise UserError(*problems)
        preset = [learnt, *(groups.get("preset") or ())] if "weight_decay" in arguments else ()
        made = parameter_groups(module.named_parameters(), rules, preset, arguments)
        optimizer: Optimizer = build(arguments, key="optim", trust=trust, params=made)
        return optimizer

    return make


def _excludes_fused(arguments: Mapping[str, Any]) -> bool:
    return any(arguments.get(name) for name in ("foreach", "capturable", "differentiable"))


def _rule_problems(rule: Mapping[str, Any], optim: Mapping[str, Any]) -> list[Problem]:
    known = ["match", "vectors", "freeze", *(key for key in optim if key not in ("_target_", "fused", "foreach"))]
    return [
        Problem(
            f"param_groups.rules has a rule with '{key}'.",
            f"A rule has match (or vectors), freeze, and hyperparameters of the optimizer: {', '.join(known[3:])}.",
            f"'{near}'?" if (near := nearest(key, known)) else "remove it",
        )
        for key in rule
        if key not in known
    ]


def scheduler_factory(node: Mapping[str, Any], trust: Trust) -> MakeScheduler | None:
    """(optimizer, number of steps) -> Lightning's scheduler config; None where the learning rate stays."""
    if node.get("_target_") is None:
        return None
    arguments = {key: value for key, value in node.items() if key != "interval"}
    target(arguments["_target_"], key="scheduler", trust=trust)

    def make(optimizer: Optimizer, total_steps: int) -> dict[str, Any]:
        offered = {"total_steps": total_steps}
        scheduler = build(arguments, key="scheduler", trust=trust, offered=offered, optimizer=optimizer)
        return {"scheduler": scheduler, "interval": node.get("interval", "step")}

    return make
