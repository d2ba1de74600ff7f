"""From a plain config to the objects of a run: data, task, module."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import lightning as L

from lossbook.build import build, of_kind
from lossbook.config.other_class import left_over
from lossbook.data.aligning import aligned
from lossbook.data.digests import content, overlaps
from lossbook.data.fitted import FittedData
from lossbook.data.images.cached import cached_parts
from lossbook.data.mixing import Mixing
from lossbook.data.module import DataModule
from lossbook.data.positive_class import with_positive
from lossbook.data.schema import Schema
from lossbook.data.source import PARTS, Parts, parts_of, source_of
from lossbook.errors import Problem, UserError, nearest, refuse, typed
from lossbook.losses.added_metrics import measures_of
from lossbook.losses.bind import bind_terms
from lossbook.losses.contract import SEVERAL, Contract
from lossbook.losses.objective import Objective
from lossbook.models.batch_norm import require_statistics
from lossbook.models.category_embeddings import require_exact_indices
from lossbook.optim.checks import sparse_gradients
from lossbook.optim.make import OptimizerFactory
from lossbook.optim.resume import Loading
from lossbook.optim.schedules.make import scheduler_factory
from lossbook.tasks.task import Task, heads_of, of_head
from lossbook.training.build_model import build_model
from lossbook.training.module import LossbookModule
from lossbook.training.normalisation import normalise_as_pretrained
from lossbook.training.trial import try_batch
from lossbook.training.turns import require_one_batch_a_step
from lossbook.trust import Trust

_FROZEN_RANDOM = (
    "layers are frozen at first, and their weights are random: model.weights=FILE or model.pretrained=true gives them"
    " weights that are worth keeping"
)


@dataclass
class Assembly:
    """What a run is made of."""

    data: DataModule
    task: Task
    module: LossbookModule
    fitted: FittedData
    groups: list[dict[str, Any]]  # of parameters, as OptimizerFactory plans them
    directions: Mapping[str, str | None]  # which value of each metric is best: max, min, or None for unknown
    notes: tuple[str, ...] = ()  # on the network, for the user


def assemble(
    config: Mapping[str, Any],
    contract: Contract,
    trust: Trust,
    loading: Loading = Loading(),  # noqa: B008  (frozen)
    known: FittedData | None = None,
    evaluating: bool = False,
) -> Assembly:
    """Build data, task and module.

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
    schema = with_positive(data.schema, positive)
    terms = bind_terms(contract, schema, config["model"].get("embedding_dim"), trust)
    heads = heads_of(terms)
    for name, objective in heads.items():
        objective.more_measures = measures_of(config.get("metrics") or {}, name, objective, trust)
    if positive is not None and not any("f1" in objective.directions() for objective in heads.values()):
        rule = f"f1 alone depends on it, and loss={contract.name} has none: it would have no effect."
        raise refuse(f"data.positive_class={typed(positive)}", rule, "leave it out")
    if not evaluating and data.preparing.mixing:
        for _, objective in terms.values():
            objective.require_own_terms("data.mixup and data.cutmix weigh the losses of two samples.")
    data.ignore({name: objective.encoding.ignore_index for name, objective in heads.items()})
    in_memory = check_in_memory(data, heads)
    if not evaluating:
        for name, objective in heads.items():
            if (target := data.targets("train", name)) is not None:
                objective.require_inputs(target)
    require_exact_indices(schema.categories, config["trainer"].get("precision", "32-true"))
    wanted = {"sparse": sparse_gradients(config)} if "sparse" in config["model"] else {}
    notes: list[str] = []
    make_model = functools.partial(
        build_model,
        {**config["model"], **wanted},
        schema,
        heads,
        trust,
        notes,
        left_over=left_over(config),
        from_checkpoint=config.get("ckpt") is not None,
    )
    model = make_model()
    fitted, more = normalise_as_pretrained(model, config["data"], data, fitted)
    notes += more
    if not evaluating:
        require_statistics(model, schema.input_shape, data.fewest_inputs)
    offered = {"model": model, "terms": terms, "make_model": make_model}
    task = of_kind(build(config["task"], key="task", trust=trust, offered=offered), Task, "task", config["task"])
    closure = make_optimizer.capability.closure
    require_one_batch_a_step(task, config["trainer"], closure, str(config["choices"].get("optim")))
    watched, mode = primary(contract, schema, task.directions())
    directions = {**task.directions(), watched: mode}
    module = LossbookModule(
        task,
        primary=(watched, mode),
        make_optimizer=make_optimizer,
        make_scheduler=scheduler_factory(config["scheduler"], trust, (f"val/{watched}", mode), directions),
        check_targets=not in_memory,
        repeats=closure,
    )
    try_batch(module, data, config)
    groups = [group for parts in task.optimizers.values() or (None,) for group in make_optimizer.plan(module, parts)]
    if any("frozen_until" in group for group in groups) and _is_random(config):
        notes.append(_FROZEN_RANDOM)
    return Assembly(data, task, module, fitted, groups, directions, tuple(dict.fromkeys(notes)))


def _is_random(config: Mapping[str, Any]) -> bool:
    """Return whether a network that could take weights starts with random ones."""
    model = config["model"]
    return "weights" in model and not (config.get("ckpt") or model["weights"] or model.get("pretrained"))


def build_data(
    node: Mapping[str, Any], seed: int, trust: Trust, known: FittedData | None = None, evaluating: bool = False
) -> tuple[DataModule, FittedData]:
    """The data module of a data node, and what its data was fitted to."""
    parts = load(node, trust, known, evaluating)
    inputs = content(parts)
    parts = replace(parts, notes=(*parts.notes, *overlaps(inputs)))
    if not evaluating:  # which reads every image once
        parts = cached_parts(parts, node.get("cache", "none"), node.get("cache_dir"))
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
        mixing=Mixing(node.get("mixup"), node.get("cutmix")),
        sampling=node.get("sampling"),
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


def check_in_memory(data: DataModule, heads: Mapping[str, Objective]) -> bool:
    """Check every target of a set in memory, once; whether the set is in memory."""
    problems: list[Problem] = []
    for name in PARTS:
        part = data.part(name)
        if not isinstance(part, Mapping):
            return False
        for head, objective in heads.items():
            try:
                objective.check(of_head(dict(part), head), f"the {name} part")
            except UserError as error:
                problems.extend(error.problems)
    if problems:
        raise UserError(*problems)
    return True


def primary(contract: Contract, schema: Schema, directions: Mapping[str, str | None]) -> tuple[str, str]:
    """Return the metric to watch and whether its largest or smallest value is best.

    Args:
        contract: of the loss.
        schema: of the data; of several targets the loss is watched by default.
        directions: of all metrics that are measured, as ``Task.directions`` gives them.

    Raises:
        UserError: it is not measured, or nobody says which value is best.
    """
    kind = schema.target or SEVERAL
    name, mode = contract.watched(kind)
    name = name or ("loss" if schema.targets else next(iter(directions)))
    if name not in directions:
        near = nearest(str(name), directions)
        raise refuse(
            f"loss.primary.{kind}={name}",
            f"Measured on these targets are {', '.join(directions)}.",
            f"loss.primary.{kind}={near}" if near else "",
        )
    mode = mode or directions[name]
    if mode is None:
        raise refuse(
            f"loss.primary.{kind}={name}",
            "This metric does not say whether its smallest or its largest value is best.",
            f"'loss.primary.{kind}={{name: {name}, mode: min}}' or 'loss.primary.{kind}={{name: {name}, mode: max}}'",
        )
    return name, mode
