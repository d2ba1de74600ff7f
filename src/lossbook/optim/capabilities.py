"""What each optimizer can do: the one table that checks, defaults and docs read. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Capability:
    """One optimizer's facts.

    Args:
        fused: has a kernel that updates all tensors at once, on CPU and GPU; it takes no sparse gradients.
        groups: takes parameter groups with hyperparameters of their own.
        weight_decay: has it, in the gradient or apart from it; it takes no sparse gradients.
        sparse: ``only`` sparse gradients, ``accepts`` them beside dense ones, or ``no``.
        closure: evaluates a batch several times a step.
        schedule: its steps follow the learning rate all along, so that schedules act.
        full_batch: meant for steps on all data at once.
        averages: key of the averaged weights in its state, None where it keeps none.
        takes: ``all`` parameters, or ``matrices`` alone: weights of two dimensions.
        share_of_run: hyperparameters that count steps, and the share of the run's that a null stands for.
    """

    fused: bool = False
    groups: bool = True
    weight_decay: bool = True
    sparse: Literal["no", "accepts", "only"] = "no"
    closure: bool = False
    schedule: bool = True
    full_batch: bool = False
    averages: str | None = None
    takes: Literal["all", "matrices"] = "all"
    share_of_run: tuple[tuple[str, float], ...] = ()

    @property
    def in_part(self) -> bool:
        """Whether it can take a part of a model alone, so that another optimizer has to take the rest."""
        return self.takes != "all" or self.sparse == "only"


CAPABILITIES = {
    "torch.optim.ASGD": Capability(averages="ax", share_of_run=(("t0", 0.5),)),
    "torch.optim.Adadelta": Capability(),
    "torch.optim.Adafactor": Capability(),
    "torch.optim.Adagrad": Capability(fused=True, sparse="accepts"),
    "torch.optim.Adam": Capability(fused=True),
    "torch.optim.AdamW": Capability(fused=True),
    "torch.optim.Adamax": Capability(),
    "torch.optim.LBFGS": Capability(groups=False, weight_decay=False, sparse="accepts", closure=True, full_batch=True),
    "torch.optim.Muon": Capability(takes="matrices"),
    "torch.optim.NAdam": Capability(),
    "torch.optim.RAdam": Capability(),
    "torch.optim.RMSprop": Capability(),
    "torch.optim.Rprop": Capability(weight_decay=False, schedule=False, full_batch=True),
    "torch.optim.SGD": Capability(fused=True, sparse="accepts"),
    "torch.optim.SparseAdam": Capability(weight_decay=False, sparse="only"),
}
UNKNOWN = Capability(sparse="accepts")  # no kernel is taken that may not be there, and nothing refused on a guess


def capability(target: str) -> Capability:
    """The facts of the optimizer of this dotted path; for a stranger nothing is taken for granted."""
    return CAPABILITIES.get(target, UNKNOWN)
