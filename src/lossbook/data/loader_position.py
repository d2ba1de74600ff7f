"""The position of a loader, so that a run saved within an epoch resumes with the next batch."""

from __future__ import annotations

from typing import Any

from torch.utils.data import SequentialSampler

from lossbook.data.batch_order import BatchOrder
from lossbook.errors import refuse


class EpochReceiver(SequentialSampler):
    """Receives the epoch from Lightning, which sets it on a loader's sampler, and passes it on.

    No index is ever drawn from it. It is a ``SequentialSampler`` because ``overfit_batches`` requires one.
    """

    def __init__(self, position: Position) -> None:
        super().__init__(range(position.order.samples))
        self.position = position

    def set_epoch(self, epoch: int) -> None:
        self.position.set_epoch(epoch)


class Position:
    """The epoch, and the number of batches yielded in it.

    Lightning's fit loop saves and loads its state. It loads it before it sets the epoch; if the epoch then differs
    (the state was saved after the last batch), the position is obsolete and is dropped.
    """

    def __init__(self, order: BatchOrder) -> None:
        self.order = order
        self.epoch = 0
        self.batches = 0
        self._loaded: dict[str, Any] | None = None

    def set_epoch(self, epoch: int) -> None:
        if epoch != self.epoch:
            self.epoch, self.batches = epoch, 0
        if self._loaded is not None and self._loaded["epoch"] != epoch:
            self._loaded = None

    def start(self) -> int:
        """Return the index of the first batch to yield, at the beginning of an iteration.

        Raises:
            UserError: the loaded state does not belong to these batches.
        """
        loaded, self._loaded = self._loaded, None
        self.batches = 0
        if loaded is not None and loaded["epoch"] == self.epoch:
            for name in ("samples", "batch_size", "seed", "world_size"):
                if loaded[name] != getattr(self.order, name):
                    raise refuse(
                        f"a checkpoint saved within an epoch with {name}={loaded[name]}, resumed with "
                        f"{name}={getattr(self.order, name)}",
                        "Resuming within an epoch needs the same data, batch size, seed and number of processes.",
                        f"keep {name}={loaded[name]}, or use a checkpoint from the end of an epoch",
                    )
            if bool(loaded.get("balanced")) != (self.order.classes is not None):
                was = "balanced" if loaded.get("balanced") else "null"
                raise refuse(
                    f"a checkpoint saved within an epoch with data.sampling={was}, resumed with another.",
                    "The rest of the epoch would be one of other samples.",
                    f"data.sampling={was}, or a checkpoint from the end of an epoch",
                )
            if not 0 <= loaded["batches"] <= (most := len(self.order.sizes())):
                rule = f"An epoch has {most} batches."
                raise refuse(f"a checkpoint after {loaded['batches']} batches of an epoch", rule, "another checkpoint")
            self.batches = loaded["batches"]
        return self.batches

    def state_dict(self) -> dict[str, Any]:
        order = self.order
        own = {"epoch": self.epoch, "batches": self.batches, "samples": order.samples, "batch_size": order.batch_size}
        drawn = {} if order.classes is None else {"balanced": 1}
        return self._loaded or {**own, "seed": order.seed, "world_size": order.world_size, **drawn}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._loaded = dict(state)
        self.epoch = state["epoch"]
