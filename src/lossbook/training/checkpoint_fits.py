"""Check that a checkpoint fits what the run has built, before anything from it is used."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import lightning as L
import torch
from torch import nn
from torch.nn.parameter import is_lazy

from lossbook.checkpoints.entries import entries, finite, like, number, tensor_like, whole
from lossbook.checkpoints.file import another
from lossbook.checkpoints.read import read, read_to_resume
from lossbook.checkpoints.structure import ENTRY, TRAINED
from lossbook.errors import UserError, refuse
from lossbook.optim.make import OptimizerFactory
from lossbook.optim.resume import Loading
from lossbook.optim.state_checks import state_problems
from lossbook.processes import own_of
from lossbook.rng import rng_problems
from lossbook.training.callbacks.averaged_weights import AveragedWeights
from lossbook.training.meter import Meter
from lossbook.training.module import LossbookModule


def load_weights(module: LossbookModule, config: Mapping[str, Any]) -> None:
    """Load the weights of ``config["ckpt"]`` into a module.

    Raises:
        UserError: they do not fit the module.
    """
    checkpoint = read(config["ckpt"])
    _require_weights(module, checkpoint, "state_dict", config)
    module.load_state_dict(checkpoint["state_dict"])


def require_fit(trainer: L.Trainer, module: LossbookModule, config: Mapping[str, Any], loading: Loading) -> None:
    """Check that training can go on from a checkpoint exactly.

    Args:
        trainer: the run's trainer with its callbacks, before anything is loaded.
        module: the module to train.
        config: of the run; nothing is checked where its ``ckpt`` is None.
        loading: how the optimizer's state is loaded.

    Raises:
        UserError: the first three entries that do not fit.
    """
    if config.get("ckpt") is None:
        return
    path = Path(config["ckpt"])
    checkpoint = read_to_resume(path)
    for entry in ("state_dict", TRAINED):
        if entry in checkpoint:
            _require_weights(module, checkpoint, entry, config)
    with torch.no_grad():
        found = [*islice(_states(checkpoint, trainer, module, loading), 3)]
    if found:
        raise refuse(f"ckpt={path} does not fit this run.", " ".join(found), another(path))


def _states(
    checkpoint: Mapping[str, Any], trainer: L.Trainer, module: LossbookModule, loading: Loading
) -> Iterator[str]:
    """All beside the weights."""
    yield from _loops(checkpoint, trainer, module.automatic_optimization)
    states = checkpoint["optimizer_states"]
    turns: list[Any] = [*module.task.optimizers.values()] or [None]
    if len(states) != len(turns):
        has = "one optimizer" if len(turns) == 1 else f"{len(turns)} optimizers"
        yield f"optimizer_states holds {len(states)} states, and a run has {has}."
        turns = []
    for place, parts in enumerate(turns):
        if strange := [name for name in _trained(states[place]) if name not in checkpoint["state_dict"]]:
            named = f"optimizer_states[{place}].param_groups name {str(strange[0])[:80]}"
            yield f"{named}, which is no weight of the checkpoint."
        elif isinstance(module.make_optimizer, OptimizerFactory):
            with torch.enable_grad():
                optimizer = module.make_optimizer.trial(module, parts)
            yield from state_problems(optimizer, states[place], loading, place)
    if str(checkpoint[ENTRY]["config"]["scheduler"].get("_target_")).startswith("lossbook."):
        for state in checkpoint["lr_schedulers"]:
            yield from _schedule(state)
    yield from _callbacks(checkpoint, trainer)
    if len(checkpoint["meter"]) != len(checkpoint[ENTRY]["rng"]):
        yield "meter and lossbook.rng are from different numbers of processes."
    running = own_of(checkpoint["meter"], trainer.global_rank, trainer.world_size)
    if len(module.task.terms) == len(checkpoint[ENTRY]["config"]["loss"].get("terms") or [""]):
        yield from _meter(running or {}, module.train_meter)
    generators = own_of(checkpoint[ENTRY]["rng"], trainer.global_rank, trainer.world_size)
    if generators is not None:
        yield from rng_problems(generators, trainer.strategy.root_device)
    precision = trainer.precision_plugin
    if type(precision).__qualname__ in checkpoint:
        yield from like(precision.state_dict())(checkpoint[type(precision).__qualname__], type(precision).__qualname__)


def _trained(state: Mapping[str, Any]) -> list[str]:
    return [name for group in state["param_groups"] for name in group.get("param_names", ())]


def _loops(checkpoint: Mapping[str, Any], trainer: L.Trainer, automatic: bool) -> Iterator[str]:
    saved = checkpoint["loops"]["fit_loop"]
    found = [*like(trainer.fit_loop.state_dict())(saved, "loops.fit_loop")]
    yield from found
    if found:
        return
    if automatic:
        steps = saved["epoch_loop.automatic_optimization.optim_progress"]["optimizer"]["step"]["total"]["completed"]
    else:
        steps = saved["epoch_loop.manual_optimization.optim_step_progress"]["total"]["completed"]
    if steps != checkpoint["global_step"]:
        yield f"global_step is {checkpoint['global_step']}, but the loops counted {steps}."
    loaders = saved["state_dict"].get("combined_loader")
    if not isinstance(loaders, list) or len(loaders) != 1:
        yield "loops.fit_loop.state_dict.combined_loader must be a list with the position of one loader."
        return
    yield from _position(loaders[0], "loops.fit_loop.state_dict.combined_loader[0]")


def _position(state: Any, entry: str) -> Iterator[str]:
    """Check the position of the loader; the units of its counts are compared where it is used."""
    counts = dict.fromkeys(("epoch", "batches", "samples", "seed", "world_size"), whole)
    found = [*entries(counts)(state, entry)]
    yield from found
    if not found and not isinstance(state.get("batch_size"), int | str):
        yield f"{entry}.batch_size must be a number or a word."
    elif not found and state["batches"] > state["samples"]:
        yield f"{entry}.batches is {state['batches']}, more than its {state['samples']} samples."


def _schedule(state: Mapping[str, Any]) -> Iterator[str]:
    """Check the counts and numbers of one of Lossbook's schedules."""
    counts = dict.fromkeys(("steps_per_epoch", "bad", "cooling", "validations"), whole)
    numbers = {"shift": finite, "scale": finite, "best": number}
    yield from entries({"last_epoch": whole}, {**counts, **numbers})(state, "lr_schedulers[0]")
    if state.get("steps_per_epoch") == 0:
        yield "lr_schedulers[0].steps_per_epoch is 0."


def _callbacks(checkpoint: Mapping[str, Any], trainer: L.Trainer) -> Iterator[str]:
    """Check callbacks: Lossbook's own refuse what they cannot load; Lightning's are compared with their new state."""
    before = checkpoint[ENTRY]["config"].get("callbacks") or {}
    named = {node.get("_target_") for node in before.values() if isinstance(node, Mapping)}
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        state, entry = checkpoint["callbacks"].get(callback.state_key), f"callbacks.{callback.state_key}"
        kind = type(callback)
        ours = kind.__module__.startswith("lossbook.")
        if state is None:
            if ours and f"{kind.__module__}.{kind.__qualname__}" in named and callback.state_dict():
                yield f"{entry} is missing."
        elif kind.__module__.startswith("lightning."):
            yield from like(callback.state_dict())(state, entry)
        elif ours:
            try:
                copy.copy(callback).load_state_dict(dict(state))
            except UserError as error:
                yield f"{entry}: {' '.join(problem.rule for problem in error.problems)}"
        if isinstance(callback, AveragedWeights) and (state or {}).get("updates") and TRAINED not in checkpoint:
            yield f"{TRAINED} is missing, although {entry} has averaged weights."


def _meter(running: Mapping[str, Any], meter: Meter) -> Iterator[str]:
    """Check the sums of an unfinished epoch; the metrics of the run may have changed since."""
    own = meter.running()
    losses = [name for name in own if name.startswith("means.loss")]
    mean = own[losses[0]]
    yield from (f"meter[0].{name} is missing." for name in losses if running and name not in running)
    for name, value in running.items():
        short = name.removeprefix("means.")
        if name not in own and name == short:
            continue
        if name not in own and (not short.isidentifier() or hasattr(nn.ModuleDict, short)):
            yield f"meter[0].{name} is not the name of a mean."
            continue
        wanted = own.get(name, mean)
        found = [*like(wanted)(value, f"meter[0].{name}")]
        yield from found
        if not found:  # each is set as an attribute, so no others
            more = value.get("state", {}).keys() - wanted.get("state", {}).keys()
            yield from (f"meter[0].{name}.state.{key} is not part of its sums." for key in more)


def _require_weights(
    module: LossbookModule, checkpoint: Mapping[str, Any], entry: str, config: Mapping[str, Any]
) -> None:
    """Check that weights have the names, shapes and dtypes of the module's, and are finite."""
    own, saved = module.state_dict(), checkpoint[entry]
    differ = [
        f"{name} is {tuple(saved[name].shape)} there and {tuple(value.shape)} here"
        for name, value in own.items()
        if name in saved and not is_lazy(value) and value.shape != saved[name].shape
    ]
    if not differ and own.keys() != saved.keys():
        try:  # a network may be able to load an older version's names
            module.load_state_dict(saved)
        except Exception:
            differ = [f"{name} is missing there" for name in own if name not in saved]
            differ += [f"{name} is missing here" for name in saved if name not in own]
    if differ:
        raise _of_other_sizes(checkpoint, config, f"The checkpoint's weights do not fit: {'; '.join(differ[:3])}.")
    weights = {name for name, _ in module.named_parameters(remove_duplicate=False)}
    odd: list[str] = []
    for name, value in own.items():
        if name in saved and not is_lazy(value):
            # a parameter must be finite even where the module's own is not
            wanted = torch.zeros((), dtype=value.dtype).expand(value.shape) if name in weights else value
            odd += tensor_like(wanted)(saved[name], f"{entry}.{name}")
    if odd:
        path = Path(config["ckpt"])
        raise refuse(f"ckpt={path} does not fit this run.", " ".join(odd[:3]), another(path))


def _of_other_sizes(checkpoint: Mapping[str, Any], config: Mapping[str, Any], rule: str) -> UserError:
    """Return the error for weights of another network, with the arguments that may have changed the network."""
    path = Path(config["ckpt"])
    on_top = config["overrides"][len(checkpoint[ENTRY]["config"].get("overrides") or ()) :]
    makers = ("data", "model", "loss")
    typed = " ".join(one for one in on_top if one.lstrip("+~").partition("=")[0].partition(".")[0] in makers)
    if typed:
        return refuse(f"ckpt={path} with {typed}.", rule, f"leave out {typed}, or keep the sizes of training")
    given = f"ckpt={path} with data={config['choices'].get('data')}."
    return refuse(given, rule, f"data with the shape and classes of its training data, or {another(path)}")
