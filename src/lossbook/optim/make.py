"""From the config's nodes to the optimizer of a module: which groups, in which optimizer, with what filled in."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import torch
from torch import nn
from torch.optim import Optimizer

from lossbook.annotations import parameters_of
from lossbook.build import bind, build, of_kind
from lossbook.errors import Problem, UserError, refuse, typed
from lossbook.optim.capabilities import CAPABILITIES, Capability, capability
from lossbook.optim.groups import parameter_groups
from lossbook.optim.places import places
from lossbook.optim.resume import Loading
from lossbook.optim.rule_checks import OF_LAYERS, OF_THE_WHOLE
from lossbook.optim.rules import Rule, expand
from lossbook.optim.schedules.length import length_of
from lossbook.optim.split import Split, part_of
from lossbook.trust import Trust

# what an objective learns (a temperature) has a scale of its own, which decay would only distort
_LEARNT = Rule({"weight_decay": 0.0}, match="objective.*", name="no_decay")


class OptimizerFactory:
    """Makes the optimizer of a module, over groups that are planned once.

    Args:
        config: plain and checked; its nodes ``optim``, ``param_groups`` and ``trainer`` are read.
        trust: what the config may build.
        loading: how the state of a checkpoint is taken over.
    """

    def __init__(self, config: Mapping[str, Any], trust: Trust, loading: Loading = Loading()) -> None:  # noqa: B008
        self.node, self.trust, self.loading = _finished_here(config["optim"]), trust, loading
        self.capability = capability(self.node["_target_"])
        rest = self.node.pop("rest", None)
        self.rest: Mapping[str, Any] | None = None if rest is None else _finished_here(rest)
        self.choices = config.get("choices") or {}
        self.preset = (config.get("param_groups") or {}).get("preset") or ()
        self.rules = [Rule.read(rule) for rule in (config.get("param_groups") or {}).get("rules") or ()]
        options = config.get("trainer") or {}
        # under mixed precision Lightning raises where it is to clip for an optimizer that unscales gradients by itself
        mixed = str(options.get("precision")) in ("16", "16-mixed", "bf16", "bf16-mixed")
        self.clips = mixed and bool(options.get("gradient_clip_val"))
        self.defaults: dict[str, Mapping[str, Any]] = {}  # of groups, by part
        for part, key, node in (("main", "optim", self.node), ("rest", "optim.rest", self.rest)):
            if node is not None:
                made = bind(node, key=key, trust=trust)  # unknown names are said before any data is read
                self.defaults[part] = {**_defaults(made.func), **node}
                _refuse_capturing(key, node)
        self._planned: list[dict[str, Any]] | None = None

    def plan(self, module: nn.Module) -> list[dict[str, Any]]:
        """The parameter groups of ``module``; freezes for good what rules say is never trained.

        Each has ``name``, ``params`` (pairs of name and parameter), ``part``, ``lr``, ``initial_lr``, the
        hyperparameters in which it departs, ``frozen_until`` (kind, number) where it joins later, and ``fused`` where
        the config leaves that open and it is right.

        Raises:
            UserError: a rule covers nothing, or sets what an optimizer has not; a part is left without parameters.
        """
        if self._planned is None:
            parts = part_of(module, self.capability)
            nodes = self.defaults
            found = places(module)
            depth = 1 + max((place.layer for place in found if place.layer is not None), default=0)
            if depth == 1:
                self._refuse_layers()
            groups = parameter_groups(
                found,
                self.rules,
                [_LEARNT, *expand(self.preset, depth)],
                nodes,
                lambda place: parts[place.name] if self.rest is not None else "main",
            )
            for group in groups:
                if "lr" in nodes[group["part"]]:  # a stranger may do without
                    group.setdefault("lr", nodes[group["part"]]["lr"])
                    group["initial_lr"] = group["lr"]
            if not any(group["part"] == "main" for group in groups):
                raise self._nothing_to_train("main" in parts.values())
            for name, node in nodes.items():
                own = [group for group in groups if group["part"] == name]
                dense = not _sparse(module) & {parameter for group in own for _, parameter in group["params"]}
                _refuse_decay(module, node, own)
                if dense and self._fuses(node):
                    for group in own:
                        group["fused"] = True
            self._planned = groups
            self._made(lambda: 1)  # what torch refuses is said here, before anything is written
        return self._planned

    def __call__(self, module: nn.Module) -> Optimizer:
        """The optimizer; what it wants to know of the run's length is asked of the module's trainer."""
        self.plan(module)
        optimizer = self._made(lambda: length_of(module.trainer).steps)  # type: ignore[arg-type]
        self.loading.attach(optimizer)
        return optimizer

    def trial(self, module: nn.Module) -> Optimizer:
        """The optimizer as it is at its start, for a look at it before there is a trainer."""
        self.plan(module)
        return self._made(lambda: 1)

    def _made(self, steps: Callable[[], int | None]) -> Optimizer:
        """The optimizer, or two in one, over the planned groups; ``steps`` tells the length of the run."""
        parts = []
        for name, at, node in (("main", "optim", self.node), ("rest", "optim.rest", self.rest)):
            groups = [
                {key: value for key, value in group.items() if key != "part"}
                for group in self._planned or ()
                if group["part"] == name
            ]
            if node is None or not groups:
                continue
            arguments = _filled(node, steps) | ({"fused": True} if groups[0].get("fused") else {})
            parts.append((functools.partial(build, arguments, key=at, trust=self.trust), groups))
        make, groups = parts[0]
        optimizer: Optimizer = make(params=groups) if len(parts) == 1 else Split(parts)
        return cast(Optimizer, of_kind(optimizer, Optimizer, "optim", self.node))

    def _fuses(self, node: Mapping[str, Any]) -> bool:
        """Whether the fused kernel is there and right, where the config does not say."""
        others = any(node.get(name) for name in ("foreach", "capturable", "differentiable"))
        clips = self.clips and self.rest is None  # of two in one, the scaler unscales the gradients
        return capability(node["_target_"]).fused and node.get("fused") is None and not others and not clips

    def _refuse_layers(self) -> None:
        """Refuse a preset that speaks of layers, for a network of one."""
        if any({*OF_LAYERS, "part"} & set(entry) for entry in self.preset):
            given = (
                f"param_groups={self.choices.get('param_groups', '...')} with model={self.choices.get('model', '...')}."
            )
            rule = "It tells layers apart, and this network has one layer alone."
            raise refuse(given, rule, "param_groups=no_decay, or a model of several layers")

    def _nothing_to_train(self, frozen: bool) -> UserError:
        """The refusal of an optimizer for a part of the model that is not there, or ``frozen``."""
        matrices = self.capability.takes == "matrices"
        what = "weights of two dimensions that are no embedding's" if matrices else "weights with sparse gradients"
        why = "all of this model's are frozen" if frozen else "this model has none"
        rule = f"{self.node['_target_'].rpartition('.')[2]} trains {what} alone, and {why}."
        fix = "optim=adamw; or freeze less" if frozen else "optim=adamw"
        return refuse(f"optim={self.choices.get('optim', '...')}", rule, fix)


def _finished_here(node: Mapping[str, Any]) -> dict[str, Any]:
    """The node without Hydra's word for what is called later: an optimizer always is, with its parameters."""
    return {key: value for key, value in node.items() if key != "_partial_"}


def _defaults(made: Callable[..., Any]) -> dict[str, Any]:
    """An optimizer's own values of what groups may differ in, as far as its signature tells."""
    found = {name: one.default for name, one in (parameters_of(made) or {}).items() if name not in OF_THE_WHOLE}
    plain = {
        name: value for name, value in found.items() if isinstance(value, (bool, int, float, str, tuple, type(None)))
    }
    if plain.get("lr", ...) is None:  # one that finds its own
        del plain["lr"]
    return {name: list(value) if isinstance(value, tuple) else value for name, value in plain.items()}


def _refuse_capturing(key: str, node: Mapping[str, Any]) -> None:
    if node.get("capturable") and node["_target_"] in CAPABILITIES and not torch.cuda.is_available():
        rule = "Steps are captured in a graph on a GPU alone, and torch sees none here."
        raise refuse(f"{key}.capturable=true", rule, f"{key}.capturable=false")


def _refuse_decay(module: nn.Module, node: Mapping[str, Any], groups: Sequence[Mapping[str, Any]]) -> None:
    """Refuse weight decay of weights with sparse gradients, which torch would refuse at the first step."""
    if capability(node["_target_"]).sparse != "accepts" or node["_target_"] not in CAPABILITIES:
        return
    sparse = {name for name, part in part_of(module, Capability(sparse="only")).items() if part == "main"}
    rule = f"Weight decay of {node['_target_'].rpartition('.')[2]} takes no sparse gradients."
    fix = "optim.weight_decay=0; or model.sparse=false"
    found = []
    for group in groups:
        if decay := group.get("weight_decay", node.get("weight_decay")):
            names = [name for name, _ in group["params"] if name in sparse]
            found += [
                Problem(f"weight_decay={typed(decay)} of {name} with model.sparse=true.", rule, fix) for name in names
            ]
    if found:
        raise UserError(*found)


def _filled(node: Mapping[str, Any], steps: Callable[[], int | None]) -> dict[str, Any]:
    """An optimizer's arguments, with the numbers of steps that follow from the run's length."""
    arguments = dict(node)
    for name, share in capability(node["_target_"]).share_of_run:
        if arguments.get(name, share) is None:
            length = steps()
            if length is None:
                rule = "It follows from the run's length, which is open."
                raise refuse(f"optim.{name}=null", rule, f"optim.{name}=N")
            arguments[name] = max(1, round(share * length))
    return arguments


def _sparse(module: nn.Module) -> set[torch.Tensor]:
    """The tables whose gradients are sparse."""
    tables = (nn.Embedding, nn.EmbeddingBag)
    return {each.weight for each in module.modules() if isinstance(each, tables) and each.sparse}
