"""The random number generators of a process, as plain numbers that a checkpoint may hold."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch


def rng_states(device: torch.device) -> dict[str, Any]:
    """The states of Python's ``random``, numpy's legacy generator, torch's on the CPU and on the process's device.

    Returns plain containers and tensors alone; ``cuda`` is None where the device is no GPU.
    """
    version, words, gauss = random.getstate()
    numpy_state = np.random.get_state(legacy=False)
    assert isinstance(numpy_state, dict)
    assert numpy_state["bit_generator"] == "MT19937", "somebody has exchanged numpy's global generator"
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
    """Puts every generator back where :func:`rng_states` found it, a GPU's on whichever GPU the process has now."""
    python, numpy_state = states["python"], states["numpy"]
    random.setstate((python["version"], tuple(python["words"].tolist()), python["gauss"]))
    words = numpy_state["words"].numpy().astype(np.uint32)
    np.random.set_state(("MT19937", words, numpy_state["position"], numpy_state["has_gauss"], numpy_state["gauss"]))
    torch.set_rng_state(states["torch"])
    if states["cuda"] is not None and device.type == "cuda":
        torch.cuda.set_rng_state(states["cuda"], device)


def rng_problems(states: Mapping[str, Any], device: torch.device) -> Iterator[str]:
    """What :func:`restore_rng_states` could not put back of states out of a file, in sentences; draws nothing.

    Tried on generators that nobody uses. Numpy's takes any position, and reads beyond its words.
    """
    python, numpy_state = states["python"], states["numpy"]
    for name, words, count in (("python", python["words"], 625), ("numpy", numpy_state["words"], 624)):
        if words.shape != (count,) or words.dtype != torch.int64 or not bool(((words >= 0) & (words < 1 << 32)).all()):
            yield f"lossbook.rng.{name}.words is not {count} numbers of 32 bits."
            return
    if numpy_state["position"] > 624 or numpy_state["has_gauss"] > 1:
        yield "lossbook.rng.numpy.position or has_gauss is beyond what there is."
    try:
        random.Random().setstate((python["version"], tuple(python["words"].tolist()), python["gauss"]))
        torch.Generator().set_state(states["torch"])
        if states["cuda"] is not None and device.type == "cuda":
            torch.Generator(device).set_state(states["cuda"])
    except (RuntimeError, TypeError, ValueError, OverflowError) as error:
        yield f"lossbook.rng is no state of this program's generators: {str(error).partition(chr(10))[0]}."


def seed_generators(*seed: int) -> None:
    """Seeds every generator from whole numbers, others for each combination of them (a run's seed and a rank)."""
    python, numpy_seed, torch_seed = np.random.SeedSequence(seed).generate_state(3).tolist()
    random.seed(python)
    np.random.seed(numpy_seed)
    torch.manual_seed(torch_seed)  # the GPUs' as well
