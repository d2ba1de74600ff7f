"""Build the network of a run: told its input and output, checked, and initialised with the weights of a file."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from torch import nn

from lossbook.annotations import parameters_of
from lossbook.build import build, target
from lossbook.data.schema import Schema
from lossbook.errors import refuse
from lossbook.losses.objective import Objective
from lossbook.models.weights import initialise
from lossbook.training.trial import require_module
from lossbook.trust import Trust

_OURS = ("embedding_dim", "gives", "takes")
_WEIGHTS = ("weights", "strict")


def build_model(
    node: Mapping[str, Any],
    schema: Schema,
    heads: Mapping[str, Objective],
    trust: Trust,
    notes: list[str] | None = None,
    *,
    left_over: Collection[str] = (),
    from_checkpoint: bool = False,
) -> nn.Module:
    """Build a network, told the shape of its input and the size and kind of its output as far as it asks for them.

    Args:
        node: of the config, for the network. A class that takes ``weights`` itself is given them.
        schema: of the data.
        heads: the objective of each head. Of several the network is told the sizes by name (``heads``), and the size of
            them all together (``output_size``).
        trust: what the config may build.
        notes: what a user should know is added to these, a line each.
        left_over: arguments that an option states for another class; passed on only where this one names them.
        from_checkpoint: the weights of a checkpoint are loaded later: none are read from a file or downloaded.

    Raises:
        UserError: the data has categories to embed, and the network does not ask for them; what the network refuses;
            the weights do not fit.
    """
    path = str(node["_target_"])
    parameters = parameters_of(target(path, key="model", trust=trust)) or {}
    if schema.categories and "categories" not in parameters:
        columns = f"{len(schema.categories)} column{'s' if len(schema.categories) > 1 else ''} of categories"
        rule = f"This data has {columns} to embed, and it takes no argument 'categories'."
        raise refuse(f"model._target_={path}", rule, "model=mlp, or data.categories=onehot")
    outputs = {objective.kind.output for objective in heads.values()}
    offered = {
        "input_shape": schema.input_shape,
        "output_size": sum(objective.output_size for objective in heads.values()),
        "heads": {name: objective.output_size for name, objective in heads.items()},
        "vocabulary": schema.vocabulary,
        "categories": schema.categories,
    } | ({"output": outputs.pop()} if len(outputs) == 1 else {})
    ours = {*_OURS, *(key for key in (*_WEIGHTS, *left_over) if key not in parameters)}
    arguments = {key: value for key, value in node.items() if key not in ours}
    if from_checkpoint and path.startswith("lossbook.") and "pretrained" in arguments:
        arguments["pretrained"] = False
    model = require_module(build(arguments, key="model", trust=trust, offered=offered), path)
    notes = [] if notes is None else notes
    notes += getattr(model, "notes", ()) if path.startswith("lossbook.") else ()
    if "weights" in ours and node.get("weights") is not None and not from_checkpoint:
        channels = schema.input_shape[0] if len(schema.input_shape) == 3 else None
        notes += initialise(model, str(node["weights"]), node.get("strict", "backbone"), channels)
    return model
