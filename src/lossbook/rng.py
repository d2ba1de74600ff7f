"""The states of a process's random number generators, as plain values that a checkpoint may hold."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch


def rng_states(device: torch.device) -> dict[str, Any]:
    """Return the states of Python's ``random``, numpy's legacy generator, and torch's on the CPU and on ``device``.

    They are plain containers and tensors; ``cuda`` is None where the device is not a GPU.
    """
    version, words, gauss = random.getstate()
    numpy_state = np.random.get_state(legacy=False)
    assert isinstance(numpy_state, dict)
    assert numpy_state["bit_generator"] == "MT19937", "numpy's global generator was replaced"
    return {
        "python": {"version": version, "words": torch.tensor(words, dtype=torch.int64), "gauss": gauss},
        "numpy": {
            "words": torch.from_numpy(numpy_state["state"]["key"].astype(np.int64)),
            "position": int(numpy_state["state"]["pos"]),
            "has_gauss": int(numpy_state["has_gauss"]),
            "gauss": float(numpy_state["gauss"]),
        },
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state(device) if device.type == "cuda" else None,
    }


def restore_rng_states(states: Mapping[str, Any], device: torch.device) -> None:
    """Restore the states that :func:`rng_states` returned; a GPU's on whichever GPU the process has now."""
    python, numpy_state = states["python"], states["numpy"]
    random.setstate((python["version"], tuple(python["words"].tolist()), python["gauss"]))
    words = numpy_state["words"].numpy().astype(np.uint32)
    np.random.set_state(("MT19937", words, numpy_state["position"], numpy_state["has_gauss"], numpy_state["gauss"]))
    torch.set_rng_state(states["torch"])
    if states["cuda"] is not None and device.type == "cuda":
        torch.cuda.set_rng_state(states["cuda"], device)


def rng_problems(states: Mapping[str, Any], device: torch.device) -> Iterator[str]:
    """Yield what :func:`restore_rng_states` could not restore of states from a file, a sentence each.

    Tried on generators of its own, so that nothing is drawn. Numpy's accepts any position, and reads past its words.
    """
    python, numpy_state = states["python"], states["numpy"]
    for name, words, count in (("python", python["words"], 625), ("numpy", numpy_state["words"], 624)):
        if words.shape != (count,) or words.dtype != torch.int64 or not bool(((words >= 0) & (words < 1 << 32)).all()):
            yield f"lossbook.rng.{name}.words must be {count} numbers of 32 bits."
            return
    if numpy_state["position"] > 624 or numpy_state["has_gauss"] > 1:
        yield "lossbook.rng.numpy.position or has_gauss is out of range."
    try:
        random.Random().setstate((python["version"], tuple(python["words"].tolist()), python["gauss"]))
        torch.Generator().set_state(states["torch"])
        if states["cuda"] is not None and device.type == "cuda":
            torch.Generator(device).set_state(states["cuda"])
    except (RuntimeError, TypeError, ValueError, OverflowError) as error:
        yield f"lossbook.rng is not a state of this program's generators: {str(error).partition(chr(10))[0]}."


def seed_generators(*seed: int) -> None:
    """Seed every generator from whole numbers, differently for each combination of them (a run's seed and a rank)."""
    python, numpy_seed, torch_seed = np.random.SeedSequence(seed).generate_state(3).tolist()
    random.seed(python)
    np.random.seed(numpy_seed)
    torch.manual_seed(torch_seed)  # the GPUs' as well
