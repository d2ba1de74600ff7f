"""Two samples through network and loss before a run claims its folder: what does not fit is said in words."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

import lossbook
from lossbook.data.module import DataModule
from lossbook.errors import UserError, refuse
from lossbook.losses.objective import Objective, every_target_ignored
from lossbook.rng import restore_rng_states, rng_states
from lossbook.tasks.step import Step
from lossbook.tasks.supervised import Supervised
from lossbook.tasks.task import Task
from lossbook.training.module import LossbookModule

_CPU = torch.device("cpu")


def try_batch(module: LossbookModule, data: DataModule, config: Mapping[str, Any]) -> None:
    """Compute the loss of two training samples on the CPU, without a gradient and without a trace.

    Args:
        module: network and objective; weights, buffers, modes and all random numbers stay as they are.
        data: what it is to be trained on.
        config: whole, for the names of what fails.

    Raises:
        UserError: the network or the criterion fails, or gives something else than the other one takes.
    """
    lazy = next((name for name, parameter in module.named_parameters() if is_lazy(parameter)), None)
    if lazy is not None:
        lazy = lazy.removeprefix("model.")
        raise refuse(
            f"The model's {lazy} has no shape before a first batch.",
            "Optimizers and checkpoints need all weights from the start.",
            "torch.nn.Linear in place of LazyLinear; a model's class is told its input_shape",
        )
    with _untouched(module):
        batch = data.few(2)
        task = module.task
        outputs = _outputs(task, batch, config) if isinstance(task, Supervised) else None
        steps: list[Step] = []
        try:
            for turn in task.optimizers or ("",):
                steps.append(task.step(batch, turn))
        except UserError as error:
            if error.problems != every_target_ignored().problems:  # of two samples that may be
                raise
            return
        except Exception as error:
            if _of_a_device(error):
                return
            task.check(batch, "a batch of the train part")  # a wrong target may be why, and is told better
            raise _failed(task, outputs, config, error) from error
        for step in steps:
            _try_metrics(task, step, config)


def _outputs(task: Supervised, batch: dict[str, Any], config: Mapping[str, Any]) -> Any:
    name = f"model={config['choices'].get('model')} ({type(task.model).__name__})"
    try:
        outputs = task.outputs(batch)
    except UserError:
        raise
    except Exception as error:
        if _of_a_device(error):
            return None
        rule = f"For two samples of the training part it says: {_said(error)}"
        raise refuse(f"{name} cannot take inputs of shape {_shape(batch['input'])}.", rule, _fix(task)) from error
    for head, (output, _) in outputs.items():
        _require_vectors(task.heads[head], output)
    return outputs


def _failed(task: Task, outputs: Any, config: Mapping[str, Any], error: Exception) -> UserError:
    rule = f"For two samples of the training part it says: {_said(error)}"
    choices, loss = config["choices"], config["loss"]
    if outputs is None:
        given = f"task={choices.get('task')} ({type(task).__name__}) cannot take a batch."
        return refuse(given, rule, "task=supervised, or correct the task's step")
    criterion = f" ({loss['criterion']['_target_']})" if "criterion" in loss else ""
    shapes = " and ".join(dict.fromkeys(_shape(output) for output, _ in outputs.values()))
    given = f"loss={choices.get('loss')}{criterion} cannot take outputs of shape {shapes}."
    return refuse(given, rule, "a criterion, encoding or activation for such outputs and targets")


def _try_metrics(task: Task, step: Step, config: Mapping[str, Any]) -> None:
    """Refuse a metric of the config that cannot be updated with this data, or gives something else than numbers."""
    for head, observed in step.heads.items():
        for name, measure in task.heads[head].more_measures().items():
            given = f"metrics.{name} ({config['metrics'][name]['_target_']})"
            try:
                target = (
                    observed.target if observed.target is not None else observed.scores.new_zeros(len(observed.scores))
                )
                measure.metric.update(*measure.view(observed.scores, target))
                result = measure.metric.compute()
            except UserError:
                raise
            except Exception as error:
                if _of_a_device(error):
                    return
                rule = f"For two samples of the training part it says: {_said(error)}"
                raise refuse(given, rule, f"metrics.{name}.of=decision, probability, positive or score") from error
            for value in result.values() if isinstance(result, dict) else (result,):
                if torch.as_tensor(value).numel() != 1:
                    rule = f"It gives {torch.as_tensor(value).numel()} numbers; a curve is of one."
                    raise refuse(given, rule, f"+metrics.{name}.average=macro, where it has that")


@contextmanager
def _untouched(module: LossbookModule) -> Iterator[None]:
    """Evaluation mode without gradients, and everything as it was afterwards."""
    states, modes = rng_states(_CPU), [(one, one.training) for one in module.modules()]
    buffers = [
        (one, name, buffer, buffer.clone())
        for one in module.modules()
        for name, buffer in one._buffers.items()
        if buffer is not None
    ]
    module.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for owner, name, buffer, before in buffers:
            owner._buffers[name] = buffer.copy_(before)
        for one, mode in modes:
            one.training = mode
        for objective in module.task.objectives.values():
            objective.output_seen = False  # training looks at its own first output
        restore_rng_states(states, _CPU)


def _require_vectors(objective: Objective, output: Tensor | tuple[Tensor, ...]) -> None:
    """Refuse embeddings and scores for an order of another width; all other inputs look at each output themselves."""
    encoding = objective.encoding
    if encoding.role == "target":
        return
    for one in output if isinstance(output, tuple) else (output,):
        if one.ndim != 2 or one.shape[1] != encoding.width:
            rule = f"This loss takes (N, {encoding.width})."
            fix = "build the model with the output_size that it is given"
            raise refuse(f"The model gave an output of shape {tuple(one.shape)}.", rule, fix)


def _shape(value: Tensor | tuple[Tensor, ...]) -> str:
    tensors = value if isinstance(value, tuple) else (value,)
    return " and ".join(dict.fromkeys(str(tuple(one.shape)) for one in tensors))


def _said(error: Exception) -> str:
    """An error in one line, with the place in the user's own code where it was raised."""
    first = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    said = f"{type(error).__name__}: {first}" if first else type(error).__name__
    foreign = (str(Path(lossbook.__file__).parent), str(Path(torch.__file__).parent))
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith(foreign)]
    return f"{said.rstrip('.')} ({Path(frames[-1].filename).name}, line {frames[-1].lineno})." if frames else said


def _of_a_device(error: Exception) -> bool:
    """Whether a GPU may be what is missing here, and the run will have one."""
    return torch.cuda.is_available() and bool(re.search(r"cuda|cpu|gpu|triton", str(error), re.IGNORECASE))


def _fix(task: Supervised) -> str:
    takes = "input, input_lengths" if task.takes_lengths else "input"
    shape = " x ".join(map(str, next(iter(task.heads.values())).schema.input_shape))
    return (
        f"forward(self, {takes}) for inputs of {shape} each; a model whose __init__ takes input_shape and"
        " output_size is told both"
    )


def require_module(model: Any, path: str) -> nn.Module:
    """The model that a config node has built, if it is one."""
    if not isinstance(model, nn.Module) or not callable(getattr(model, "forward", None)):
        rule = f"It gives a {type(model).__name__}; a model is a torch.nn.Module with a forward."
        raise refuse(f"model._target_={path}", rule, "a class derived from it, or a function that returns an object")
    return model
