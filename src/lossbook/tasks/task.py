"""The task: what is trained together, and how. The LightningModule drives any task and knows none."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, TypeAlias, TypeVar

from torch import Tensor, nn
from torchmetrics import Metric

from lossbook.data.schema import entry
from lossbook.errors import UserError
from lossbook.losses.contract import Term
from lossbook.losses.objective import Objective
from lossbook.targets.encoding import Measure, Prediction
from lossbook.tasks.step import Step

Batch: TypeAlias = dict[str, Any]
Value = TypeVar("Value")
Direction: TypeAlias = "str | None"  # max, min, or None where nobody says which value is best


class Task(ABC):
    """Networks by name, a loss on them, and what is measured on each head.

    The networks become submodules of the LightningModule under their names, so that the parameters of ``model`` are
    called ``model.…``; nothing else of a task is saved. What it needs to know after a resume belongs into a buffer.

    Args:
        networks: by name.
        terms: of the loss by name, each with its objective on the data at hand; the first on a head measures it.
    """

    optimizers: Mapping[str, tuple[str, ...]] = {}
    """Of optimizers that take turns at each batch: the names of the networks that each trains, by its own name."""

    def __init__(self, networks: Mapping[str, nn.Module], terms: Mapping[str, tuple[Term, Objective]]) -> None:
        self.objectives = {name: objective for name, (_, objective) in terms.items()}
        self.heads = heads_of(terms)
        alone = next(iter(self.objectives.values())) if len(terms) == 1 else None
        self.terms = {name if alone is None else "": term.weight for name, (term, _) in terms.items()}
        """The weight of each term of the loss by its name; the empty name where there is one alone."""
        self.networks = dict(networks)
        self.modules = {**self.networks, "objective": alone or nn.ModuleDict(self.objectives)}

    def add_network(self, name: str, network: nn.Module) -> None:
        """Add a network beside the others: a teacher, a momentum encoder, a critic. Its weights are saved as well."""
        assert name not in self.modules, name
        self.networks[name] = self.modules[name] = network

    def add_term(self, name: str, weight: float) -> None:
        """Add a term to the loss; ``step`` gives it by ``Step.add``, and it is logged as ``loss_<name>``."""
        assert name not in self.terms, name
        self.terms[name] = weight

    @abstractmethod
    def step(self, batch: Batch, turn: str = "") -> Step:
        """Compute the loss of a batch, and what is to be observed.

        Args:
            batch: with ``input``, the data's targets, and lengths where there are any.
            turn: the optimizer whose turn it is, where several take turns.
        """

    @abstractmethod
    def predict(self, batch: Batch, thresholds: Mapping[str, Tensor] | None = None) -> dict[str, Prediction]:
        """Return what the networks say of a batch, by head.

        Args:
            batch: with ``input``; targets are not looked at.
            thresholds: those that metrics have chosen on validation, by the metric's name, behind the head's.
        """

    def after_step(self) -> None:  # noqa: B027
        """Do what belongs behind each optimizer step: a momentum encoder's update, a queue's."""

    def before_evaluation(  # noqa: B027
        self, metrics: Mapping[str, Mapping[str, Metric]], gallery: Callable[[], Iterable[Batch] | None]
    ) -> None:
        """Prepare metrics that need more than the batches of their part.

        Args:
            metrics: fresh ones, by head and name.
            gallery: gives the batches of the training part as a model sees them in evaluation; None without one.
        """

    def before_training(self, several: bool) -> None:
        """Learn whether an optimizer step is taken over several batches or processes."""
        for objective in self.objectives.values():
            objective.passes_over_ignored = several

    def check(self, batch: Batch, where: str) -> None:
        """Refuse targets that break the promise of their kind; ``where`` names the batch in the message."""
        for name, objective in self.heads.items():
            objective.check(of_head(batch, name), where)

    def measures(self) -> dict[str, dict[str, Measure]]:
        """Return fresh metrics by head and name, the most telling first."""
        return {name: objective.measures() for name, objective in self.heads.items()}

    def directions(self) -> dict[str, Direction]:
        """Return what may choose the best checkpoint, the most telling first: name -> ``max``, ``min`` or None."""
        found = {
            of(head, name): best for head, one in self.heads.items() for name, best in one.directions().items()
            if name != "loss"
        }  # fmt: skip
        return {**found, **dict.fromkeys(loss_names(self.terms), "min"), "loss": "min"}

    def hints(self) -> dict[str, str]:
        """Return what the names of metrics alone would not tell, in a few words each."""
        return {of(head, name): hint for head, one in self.heads.items() for name, hint in one.hints().items()}

    @property
    def notes(self) -> list[str]:
        """What a user should know before training, a line each."""
        return [note for objective in self.heads.values() for note in objective.encoding.notes]

    @property
    def summed(self) -> bool:
        """Whether the loss of a batch is the sum over its samples, and not their mean."""
        return any(objective.reduction == "sum" for objective in self.objectives.values())

    @property
    def compares_samples(self) -> bool:
        """Whether samples are compared within a batch, where there may be no pair, triplet or other sample."""
        return any(objective.forms_inputs for objective in self.objectives.values())

    def none_counted(self) -> UserError | None:
        """Return the error for an epoch in which no batch had anything that counts, where that is one."""
        return next(filter(None, (objective.none_counted() for objective in self.objectives.values())), None)


def heads_of(terms: Mapping[str, tuple[Term, Objective]]) -> dict[str, Objective]:
    """Return the objective that measures each head, by the head's name: of several terms on one the first."""
    heads: dict[str, Objective] = {}
    for term, objective in terms.values():
        heads.setdefault(term.target, objective)
    return heads


def of(head: str, name: str) -> str:
    """Return the name of a head's metric as it is logged."""
    return f"{head}_{name}" if head else name


def loss_names(terms: Collection[str]) -> dict[str, str]:
    """Return the name that the loss of each term is logged under -> the term.

    A single term is the loss itself. Among several the term without a name is that of the config's loss.
    """
    if len(terms) == 1:
        return dict.fromkeys(("loss",), next(iter(terms)))
    return {f"loss_{term or 'supervised'}": term for term in terms}


def thresholds_of(thresholds: Mapping[str, Value], head: str) -> dict[str, Value]:
    """Return the thresholds of one head's metrics, by the metric's name alone."""
    prefix = of(head, "")
    return {name.removeprefix(prefix): value for name, value in thresholds.items() if name.startswith(prefix)}


def of_head(batch: Batch, head: str) -> Batch:
    """Return the batch as data would give it that had this head's target alone."""
    if not head:
        return batch
    own = (entry(head), entry(head, "target_lengths"))
    return {**batch, **{f"target{key.removeprefix(head)}": batch[key] for key in own if key in batch}}
