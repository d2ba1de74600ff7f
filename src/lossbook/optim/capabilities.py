"""The capabilities of each optimizer: the one table that checks, defaults and docs read, without torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Capability:
    """What one optimizer supports.

    Args:
        fused: has a kernel that updates all tensors at once, on CPU and GPU, for dense gradients only.
        groups: supports parameter groups with different hyperparameters.
        weight_decay: supports weight decay, coupled or decoupled, for dense gradients only.
        sparse: supports ``only`` sparse gradients, ``accepts`` both kinds, or supports ``no`` sparse ones.
        closure: evaluates a batch several times in each step.
        schedule: every step depends on the learning rate, so schedules have an effect.
        full_batch: meant for steps on all data at once.
        averages: key of the averaged weights in its state; None where it keeps none.
        takes: ``all`` parameters, or only ``matrices``: two-dimensional weights.
        share_of_run: hyperparameters that are numbers of steps, and the share of the run that null stands for.
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
        """Whether it can only train some of a model's parameters, so that another optimizer has to take the rest."""
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
UNKNOWN = Capability(sparse="accepts")  # assumes no fused kernel, and refuses nothing on a guess


def capability(target: str) -> Capability:
    """Return the capabilities of the optimizer at a dotted path; ``UNKNOWN`` for one that is not torch's."""
    return CAPABILITIES.get(target, UNKNOWN)
