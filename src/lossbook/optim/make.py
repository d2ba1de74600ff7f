"""Build the optimizer of a module, or of some of its children, from the config's nodes."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, cast

import torch
from torch import nn
from torch.optim import Optimizer

from lossbook.annotations import parameters_of
from lossbook.build import bind, build, of_kind
from lossbook.errors import Problem, UserError, refuse, typed
from lossbook.optim.capabilities import CAPABILITIES, Capability, capability
from lossbook.optim.groups import parameter_groups
from lossbook.optim.named_parameters import NamedParameter, named_parameters
from lossbook.optim.resume import Loading
from lossbook.optim.rule_checks import OF_LAYERS, OF_THE_WHOLE
from lossbook.optim.rules import ParameterRule, expand
from lossbook.optim.schedules.length import length_of
from lossbook.optim.split import Split, part_of
from lossbook.trust import Trust

_OBJECTIVE = "objective"  # the child of the module that holds what a loss learns
# the parameters of a loss (a temperature) have a scale of their own, which weight decay would distort
_LEARNED = ParameterRule({"weight_decay": 0.0}, match=f"{_OBJECTIVE}.*", name="no_decay")
Parts = Collection[str] | None  # names of children of the module; None: all its parameters


class OptimizerFactory:
    """Builds the optimizer of a module, over parameter groups that are planned once.

    ``parts`` are the children of the module whose parameters an optimizer takes, such as ``("critic", "objective")``;
    by default it takes all parameters. Rules then apply to these only, layers are counted in each of them but the
    objective, and group names begin with theirs. A tied parameter belongs to the child that registers it first.

    Args:
        config: plain and checked; its nodes ``optim``, ``param_groups`` and ``trainer`` are read.
        trust: what the config may build.
        loading: how the state of a checkpoint is loaded.
    """

    def __init__(self, config: Mapping[str, Any], trust: Trust, loading: Loading = Loading()) -> None:  # noqa: B008
        self.node, self.trust, self.loading = _without_partial(config["optim"]), trust, loading
        self.capability = capability(self.node["_target_"])
        rest = self.node.pop("rest", None)
        self.rest: Mapping[str, Any] | None = None if rest is None else _without_partial(rest)
        self.choices = config.get("choices") or {}
        self.preset = (config.get("param_groups") or {}).get("preset") or ()
        self.rules = [ParameterRule.read(rule) for rule in (config.get("param_groups") or {}).get("rules") or ()]
        options = config.get("trainer") or {}
        # under mixed precision Lightning refuses to clip for an optimizer that unscales the gradients itself
        mixed = str(options.get("precision")) in ("16", "16-mixed", "bf16", "bf16-mixed")
        self.clips = mixed and bool(options.get("gradient_clip_val"))
        self.defaults: dict[str, Mapping[str, Any]] = {}  # of groups, by part
        for part, key, node in (("main", "optim", self.node), ("rest", "optim.rest", self.rest)):
            if node is not None:
                made = bind(node, key=key, trust=trust)  # unknown names are refused before any data is read
                self.defaults[part] = {**_defaults(made.func), **node}
                _refuse_capturing(key, node)
        self._planned: dict[frozenset[str] | None, list[dict[str, Any]]] = {}  # by parts

    def plan(self, module: nn.Module, parts: Parts = None) -> list[dict[str, Any]]:
        """Return the parameter groups of ``module``, after freezing what rules say is never trained.

        Each has ``name``, ``params`` (pairs of name and parameter), ``part``, ``lr``, ``initial_lr``, the
        hyperparameters that differ from the optimizer's, ``frozen_until`` (kind, number) where it is trained later, and
        ``fused`` where the config leaves that open and the kernel applies.

        Raises:
            UserError: for a rule that covers nothing or sets what an optimizer does not have, and for an optimizer
                without parameters.
        """
        key = None if parts is None else frozenset(parts)
        if key not in self._planned:
            groups = self._groups(module, key)
            self._build(groups, lambda: 1)  # what torch refuses is refused here, before anything is written
            self._planned[key] = groups
        return self._planned[key]

    def __call__(self, module: nn.Module, parts: Parts = None) -> Optimizer:
        """Return the optimizer; the length of the run, where it matters, is that of the module's trainer."""
        groups = self.plan(module, parts)
        optimizer = self._build(groups, lambda: length_of(module.trainer).steps)  # type: ignore[arg-type]
        self.loading.attach(optimizer)
        return optimizer

    def trial(self, module: nn.Module, parts: Parts = None) -> Optimizer:
        """Return the optimizer in its initial state, as if the run had one step, before there is a trainer."""
        return self._build(self.plan(module, parts), lambda: 1)

    def _groups(self, module: nn.Module, parts: frozenset[str] | None) -> list[dict[str, Any]]:
        assert parts is None or parts <= {name for name, _ in module.named_children()}, parts
        nodes, which = self.defaults, part_of(module, self.capability)
        every = named_parameters(module) if parts is None else named_parameters(module, parts - {_OBJECTIVE})
        found = [one for one in every if parts is None or one.is_within(parts)]
        depth = 1 + max((one.layer for one in found if one.layer is not None), default=0)
        if depth == 1:
            self._refuse_layers()

        def main_or_rest(one: NamedParameter) -> str:
            return which[one.name] if self.rest is not None else "main"

        preset = [_LEARNED, *expand(self.preset, depth)]
        elsewhere = [one for one in every if parts is not None and not one.is_within(parts)]
        groups = parameter_groups(found, self.rules, preset, nodes, main_or_rest, elsewhere)
        label = "+".join(sorted((parts or frozenset()) - {_OBJECTIVE}))
        for group in groups:
            if "lr" in nodes[group["part"]]:  # a foreign optimizer may have none
                group.setdefault("lr", nodes[group["part"]]["lr"])
                group["initial_lr"] = group["lr"]
            if label:
                group["name"] = label if group["name"] == "all" else f"{label}+{group['name']}"
        if not any(group["part"] == "main" for group in groups):
            raise self._nothing_to_train(any(which[one.name] == "main" for one in found))
        for name, node in nodes.items():
            own = [group for group in groups if group["part"] == name]
            dense = not _sparse(module) & {parameter for group in own for _, parameter in group["params"]}
            _refuse_decay(module, node, own)
            if dense and self._fuses(node):
                for group in own:
                    group["fused"] = True
        return groups

    def _build(self, planned: Sequence[Mapping[str, Any]], steps: Callable[[], int | None]) -> Optimizer:
        """Return the optimizer, or two in one, over planned groups; ``steps`` gives the length of the run."""
        parts = []
        for name, at, node in (("main", "optim", self.node), ("rest", "optim.rest", self.rest)):
            groups = [
                {key: value for key, value in group.items() if key != "part"}
                for group in planned
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
        """Return whether to use the fused kernel: it exists and applies, and the config leaves it open."""
        others = any(node.get(name) for name in ("foreach", "capturable", "differentiable"))
        clips = self.clips and self.rest is None  # for two in one, the scaler unscales the gradients
        return capability(node["_target_"]).fused and node.get("fused") is None and not others and not clips

    def _refuse_layers(self) -> None:
        """Refuse a preset that tells layers apart for a network of one layer."""
        if any({*OF_LAYERS, "part"} & set(entry) for entry in self.preset):
            given = (
                f"param_groups={self.choices.get('param_groups', '...')} with model={self.choices.get('model', '...')}."
            )
            rule = "It tells layers apart, and this network has only one."
            raise refuse(given, rule, "param_groups=no_decay, or a model of several layers")

    def _nothing_to_train(self, frozen: bool) -> UserError:
        """Return the error for an optimizer none of whose parameters exist, or all of whose are frozen."""
        matrices = self.capability.takes == "matrices"
        what = "two-dimensional weights that are not embeddings" if matrices else "weights with sparse gradients"
        why = "all of this model's are frozen" if frozen else "this model has none"
        rule = f"{self.node['_target_'].rpartition('.')[2]} only trains {what}, and {why}."
        fix = "optim=adamw; or freeze less" if frozen else "optim=adamw"
        return refuse(f"optim={self.choices.get('optim', '...')}", rule, fix)


def _without_partial(node: Mapping[str, Any]) -> dict[str, Any]:
    """Return the node without ``_partial_``, since an optimizer is always called later, with its parameters."""
    return {key: value for key, value in node.items() if key != "_partial_"}


def _defaults(made: Callable[..., Any]) -> dict[str, Any]:
    """Return an optimizer's default hyperparameters, as far as its signature tells."""
    found = {name: one.default for name, one in (parameters_of(made) or {}).items() if name not in OF_THE_WHOLE}
    plain = {
        name: value for name, value in found.items() if isinstance(value, (bool, int, float, str, tuple, type(None)))
    }
    if plain.get("lr", ...) is None:  # the optimizer finds its own
        del plain["lr"]
    return {name: list(value) if isinstance(value, tuple) else value for name, value in plain.items()}


def _refuse_capturing(key: str, node: Mapping[str, Any]) -> None:
    if node.get("capturable") and node["_target_"] in CAPABILITIES and not torch.cuda.is_available():
        rule = "Steps can be captured in a graph only on a GPU, and torch finds none here."
        raise refuse(f"{key}.capturable=true", rule, f"{key}.capturable=false")


def _refuse_decay(module: nn.Module, node: Mapping[str, Any], groups: Sequence[Mapping[str, Any]]) -> None:
    """Refuse weight decay for weights with sparse gradients, which torch would refuse at the first step."""
    if capability(node["_target_"]).sparse != "accepts" or node["_target_"] not in CAPABILITIES:
        return
    sparse = {name for name, part in part_of(module, Capability(sparse="only")).items() if part == "main"}
    rule = f"{node['_target_'].rpartition('.')[2]} does not support weight decay with sparse gradients."
    fix = "optim.weight_decay=0; or model.sparse=false"
    found = []
    for group in groups:
        if decay := group.get("weight_decay", node.get("weight_decay")):
            names = [name for name, _ in group["params"] if name in sparse]
            found += [
                Problem(f"weight_decay={typed(decay)} for {name} with model.sparse=true.", rule, fix) for name in names
            ]
    if found:
        raise UserError(*found)


def _filled(node: Mapping[str, Any], steps: Callable[[], int | None]) -> dict[str, Any]:
    """Return an optimizer's arguments, with nulls replaced by shares of the run's steps."""
    arguments = dict(node)
    for name, share in capability(node["_target_"]).share_of_run:
        if arguments.get(name, share) is None:
            length = steps()
            if length is None:
                rule = "Null is a share of the run's steps, and this run has an open end."
                raise refuse(f"optim.{name}=null", rule, f"optim.{name}=N")
            arguments[name] = max(1, round(share * length))
    return arguments


def _sparse(module: nn.Module) -> set[torch.Tensor]:
    """Return the embedding weights whose gradients are sparse."""
    tables = (nn.Embedding, nn.EmbeddingBag)
    return {each.weight for each in module.modules() if isinstance(each, tables) and each.sparse}
