"""What a loss asks: the contract that its YAML file writes down, without torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from lossbook.losses.rules import Rule
from lossbook.targets import KINDS
from lossbook.targets.embeddings import DISTANCES

INPUTS = {
    "single": "the output and the target of each sample",
    "embeddings": "the embedding and the class of each sample",
    "pairs": "two outputs and whether they belong together",
    "triplets": "an anchor, a positive and a negative",
    "views": "two augmented views of each sample",
    "sequence": "a sequence of outputs, a text, and the lengths of both",
}
ACTIVATIONS = ("none", "sigmoid", "softmax", "log_softmax", "softplus", "normalise")
PROBABILITIES = ("none", "identity", "exp", "sigmoid", "softmax")
MINING = ("all", "hard", "semi_hard")
ROLES: Mapping[str, Mapping[str, str]] = {
    inputs: {kind.name: kind.roles[inputs] for kind in KINDS.values() if inputs in kind.roles} for inputs in INPUTS
}
"""Inputs -> the target kinds that they are formed from -> the role of the encodings that they take."""
MEAN_OVER: Mapping[str, tuple[str, ...]] = {
    "single": ("samples", "elements", "weights"),
    "embeddings": ("samples",),
    "pairs": ("pairs",),
    "triplets": ("pairs",),
    "views": ("samples",),
    "sequence": ("samples",),
}
PAIRING: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "pairs": {"compare": ("sides", "distance"), "mine": MINING, "distance": DISTANCES},
    "triplets": {"mine": MINING},
    "views": {"positives": ("views", "labels")},
}
SEVERAL = "several"  # in place of a target kind in ``primary``: data with several targets
REDUCTIONS = ("none", "mean", "sum", "batchmean")
_OF_ACTIVATION = {"sigmoid": "identity", "softmax": "identity", "log_softmax": "exp"}
_OF_CRITERION = {
    "CrossEntropyLoss": "softmax",
    "cross_entropy": "softmax",
    "BCEWithLogitsLoss": "sigmoid",
    "binary_cross_entropy_with_logits": "sigmoid",
    "MultiLabelSoftMarginLoss": "sigmoid",
    "multilabel_soft_margin_loss": "sigmoid",
    "sigmoid_focal_loss": "sigmoid",
}  # of torch's and torchvision's, which apply it themselves


@dataclass(frozen=True)
class Contract:
    """One loss: its criterion and everything that follows from it.

    Args:
        name: the option's name, for messages.
        criterion: ``_target_`` (any callable that takes input and target) and its arguments; empty for a sum.
        accepts: target kind -> the encoding that turns such targets into the criterion's, as a name or
            as ``{name: ..., option: ...}``. Kinds that are not listed are refused.
        inputs: how a batch becomes the criterion's arguments, one of ``INPUTS``.
        activation: between the model's raw output and the criterion, one of ``ACTIVATIONS``.
        mean_over: what the criterion's mean divides by, one of those that ``MEAN_OVER`` lists for the inputs.
        probabilities: what turns the criterion's input into probabilities, one of ``PROBABILITIES``.
        primary: target kind -> the metric that checkpoints and sweeps watch; the encoding's first by default. A name,
            or ``{name: ..., mode: min}`` (or max) for a metric that does not say itself which value is best. Of data
            with several targets, ``several``, the loss by default.
        pairing: how pairs, triplets or views are formed, see ``PAIRING``.
        rules: constraints between values of the config, see ``Rule``.
        terms: of a weighted sum; the fields above are then those that all of them share.
        key: where the contract stands in the config.
    """

    name: str
    criterion: Mapping[str, Any]
    accepts: Mapping[str, Mapping[str, Any]]
    inputs: str = "single"
    activation: str = "none"
    mean_over: str = "samples"
    probabilities: str = "none"
    primary: Mapping[str, str | Mapping[str, str]] = field(default_factory=dict)
    pairing: Mapping[str, Any] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()
    terms: tuple[Term, ...] = ()
    key: str = "loss"

    def watched(self, kind: str) -> tuple[str | None, str | None]:
        """Return the name of the metric to watch on targets of a kind, and ``min`` or ``max``, as far as this says."""
        chosen = self.primary.get(kind)
        return (chosen["name"], chosen.get("mode")) if isinstance(chosen, Mapping) else (chosen, None)

    @property
    def views(self) -> int:
        """How many views of a sample the training batches must hold."""
        return 2 if self.inputs == "views" else 1

    def terms_for(self, targets: Mapping[str, str]) -> list[Term]:
        """Return the terms that are computed on data of these targets, in order.

        A sum has its own; of several targets, a term that names none is on the target of its own name. Any other loss
        is one term, or one for each target.

        Args:
            targets: the kinds of the data's targets by their names; a single target has the empty name.
        """
        if not self.terms:
            return [Term(name, self, target=name) for name in targets]
        named = {term.name for term in self.terms if not term.target and "" not in targets and term.name in targets}
        return [replace(term, target=term.name) if term.name in named else term for term in self.terms]


@dataclass(frozen=True)
class Term:
    """One term of a loss: a contract on one target of the data.

    Args:
        name: in the names of its curves; empty where it is the whole loss.
        contract: of its loss.
        weight: what the term is multiplied by.
        target: name of the target that it is computed on; empty where the data has one alone.
    """

    name: str
    contract: Contract
    weight: float = 1.0
    target: str = ""


def default_probabilities(criterion: str, activation: str) -> str:
    """Return what ``probabilities`` is where a loss does not say.

    Args:
        criterion: dotted path.
        activation: of the loss.
    """
    if activation != "none":
        return _OF_ACTIVATION.get(activation, "none")
    known = criterion.startswith(("torch.nn.", "torchvision.ops."))
    return _OF_CRITERION.get(criterion.rpartition(".")[2], "none") if known else "none"
