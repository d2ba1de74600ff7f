"""What each optimizer can do: the one table that checks, defaults and docs read. No torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Capability:
    """One optimizer's facts.

    Args:
        fused: has a kernel that updates all tensors at once, on CPU and GPU.
    """

    fused: bool = False


CAPABILITIES = {
    "torch.optim.Adam": Capability(fused=True),
    "torch.optim.AdamW": Capability(fused=True),
    "torch.optim.SGD": Capability(fused=True),
}
UNKNOWN = Capability()


def capability(target: str) -> Capability:
    """The facts of the optimizer of this dotted path; for a stranger nothing is taken for granted."""
    return CAPABILITIES.get(target, UNKNOWN)
