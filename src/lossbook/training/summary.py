"""Print what a run decided before it starts, and its results."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import lightning as L
import torch
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lossbook.config.options import Options, conf_folder
from lossbook.data.fitted import FittedData, changes
from lossbook.data.source import sample_count
from lossbook.losses.contract import Contract, Term
from lossbook.optim.checks import notes
from lossbook.training import effective_batch, plan
from lossbook.training.assemble import Assembly
from lossbook.training.fit import Outcome

_SHOWN = ("name", "params", "part", "lr", "initial_lr", "weight_decay", "frozen_until", "fused")  # or shown elsewhere


def print_plan(
    config: Mapping[str, Any],
    contract: Contract,
    assembly: Assembly,
    trainer: L.Trainer,
    folder: Path,
    resumed: Sequence[str] = (),
) -> None:
    """Print loss, data, model, optimizer, length, device and folder, a line each, with what was decided about it.

    ``resumed``: what changed since the checkpoint, a line each.
    """
    if not trainer.is_global_zero:
        return
    choices, heads = config["choices"], assembly.task.heads
    schema = assembly.data.schema
    watched, mode = assembly.module.primary
    counts = " + ".join(f"{sample_count(assembly.data.part(part)):,}" for part in ("train", "val", "test"))
    samples = f"{plan.place(config)}{counts} samples of {_shape(schema.input_shape)}{_classes(schema)}"
    device = trainer.strategy.root_device
    threads = torch.get_num_threads()
    where = f"{threads} thread{'s' if threads != 1 else ''}"
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else where
    more = f", {trainer.world_size} processes" if trainer.world_size > 1 else ""
    default = [", default for the loss" if _is_default("loss", "data", config) else ""]
    default += [", default for the data" if _is_default("data", "model", config) else ""]
    terms = contract.terms_for({name: head.target for name, head in schema.heads.items()})
    first, *others = [_term(term, schema.heads[term.target].target) for term in terms]
    rows: list[tuple[str, str, str]] = [
        ("loss", choices["loss"], f"{first}{'' if others else f', watching {watched} ({mode})'}"),
        *(("", "", text) for text in others),
        *([("watch", "", f"{watched} ({mode})")] if others else []),
        *(
            ("weights", "", text)
            for term, objective in zip(terms, assembly.task.objectives.values(), strict=True)
            for text in plan.weights(objective, term.contract.criterion)
        ),
        ("data", choices["data"], samples + default[0]),
        *(
            ("symbols" if objective.kind.output == "sequence" else "classes", name, plan.classes(objective))
            for name, objective in heads.items()
        ),
        ("augment", "", plan.augmentation(config)),
        ("model", choices["model"], plan.model(config, assembly) + default[1]),
        ("optim", choices["optim"], _optimizer(config, assembly)),
        ("average", "", plan.averaging(trainer)),
        ("train", "", plan.training(config, assembly, trainer)),
        ("device", device.type, f"{where}{more}, precision {trainer.precision}"),
    ]
    out = console()
    width = max(len(name) for _, name, _ in rows)
    for label, name, text in rows:
        if text:
            _print_row(out, label, name, text, 8 + (width + 2 if name else 0), width)
    out.print(f"[dim]folder [/dim] {escape(str(folder))}")
    several = effective_batch.notes(trainer, assembly.module, terms, schema)
    for note in (*assembly.data.notes, *assembly.notes, *assembly.task.notes, *notes(config), *several):
        _print_row(out, "note", "", note, 8, 0)
    for line in resumed:
        _print_row(out, "resume", "", line, 8, 0)
    out.print()
    if len(assembly.groups) > 1:
        console(width=120).print(groups_table(config, assembly.groups))  # group names may be long patterns


def _term(term: Term, kind: str) -> str:
    """One term of the loss: what is computed, on which targets, and how much it weighs."""
    contract = term.contract
    criterion = contract.criterion["_target_"].rpartition(".")[2]
    after = "" if contract.activation == "none" else f" after {contract.activation}"
    weight = "" if term.weight == 1 else f"{term.weight:g} x "
    target = f"{term.target}, " if term.target else ""
    return f"{weight}{criterion}{after}, {target}{kind} as {contract.accepts[kind]['name']}"


def print_outcome(
    outcome: Outcome, primary: tuple[str, str], folder: Path, seconds: float, hints: Mapping[str, str]
) -> None:
    """Print a table of the final metrics, the files written, and the next command."""
    out = console()
    out.print()
    print_metrics(outcome.metrics, primary, hints)
    tie = f" (equal {primary[0]}: the lowest val/loss)" if outcome.best_by_loss else ""
    epoch = "" if outcome.best_epoch is None else f"best epoch {outcome.best_epoch} of {outcome.epochs}{tie}, "
    out.print(f"{epoch}{outcome.steps:,} step{'s' if outcome.steps != 1 else ''}, {seconds:.1f} s")
    for note in outcome.notes:
        out.print(f"note         {note}")
    if outcome.best_path is not None:
        out.print(f"checkpoints  {outcome.best_path}")
    out.print(f"metrics      {folder / 'metrics.json'}")
    out.print(f"next         tensorboard --logdir {_logdir(folder)}")


def print_interrupted(last: Path | None, folder: Path) -> None:
    """Print how to resume a run that was interrupted."""
    out = console()
    out.print()
    if last is not None:
        out.print(f"go on        python scripts/train.py ckpt={last}")
    else:
        out.print(f"no checkpoint was written; {folder} holds the config")


def print_scored(config: Mapping[str, Any], assembly: Assembly, known: FittedData | None) -> None:
    """Print which samples a checkpoint is tested on, and how they differ from its training data."""
    out = console()
    count = sample_count(assembly.data.part("test"))
    root = config["data"].get("root")
    name = config["choices"]["data"] + (f", {root}" if root else "")
    counted = f"{count:,} sample{'s' if count != 1 else ''} of the test part are scored"
    _print_row(out, "data", "", f"{name}: {counted}", 8, 0)
    own = known is not None and assembly.fitted.known is not None  # the notes say which samples are new
    for note in (*assembly.data.notes, *([] if own else changes(known, assembly.fitted))):
        _print_row(out, "note", "", note, 8, 0)


def print_metrics(metrics: Mapping[str, float], primary: tuple[str, str], hints: Mapping[str, str]) -> None:
    """Print a table with a row a metric, the watched one first, and a column a part; below it, definitions."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("")
    watched = primary[0].partition("/")[2]
    names = sorted({tag.partition("/")[2] for tag in metrics}, key=lambda name: (name != watched, name != "loss", name))
    stages = [stage for stage in ("train", "val", "test") if any(tag.startswith(f"{stage}/") for tag in metrics)]
    for stage in stages:
        table.add_column(stage, justify="right")
    for name in names:
        cells = [metrics.get(f"{stage}/{name}") for stage in stages]
        text = ["" if cell is None else f"{cell:.4f}" for cell in cells]
        table.add_row(name, *text, style="bold" if name == watched else "")
    out = console()
    out.print(table)
    for name in names:
        if name in hints:
            out.print(f"[dim]{escape(name)}: {escape(hints[name])}[/dim]")


def console(width: int | None = None) -> Console:
    """Return a console that neither wraps paths nor colors numbers; ``width`` None: that of the terminal."""
    return Console(highlight=False, soft_wrap=True, width=width)


def _print_row(out: Console, label: str, name: str, text: str, indent: int, width: int) -> None:
    """Print a line of the plan; on a narrow terminal it is wrapped between words and indented.

    A text of several lines is a table, whose lines stay.
    """
    room = max(24, out.width - indent) if out.is_terminal else sys.maxsize
    lines = []
    for line in text.splitlines() or [""]:
        further = " " * 18 if line.startswith(" ") else ""
        wrapped = textwrap.wrap(
            line, room, subsequent_indent=further, replace_whitespace=False, break_long_words=False,
            break_on_hyphens=False,
        )  # fmt: skip
        lines += wrapped or [""]
    shown = f"[bold]{escape(name):<{width}}[/bold]  " if name else ""
    out.print(f"[dim]{escape(label):<7}[/dim] {shown}{escape(lines[0])}")
    for line in lines[1:]:
        out.print(" " * indent + escape(line))


def _is_default(group: str, other: str, config: Mapping[str, Any]) -> bool:
    """Return whether the choice in another group is the default of the option chosen in ``group``."""
    given = {override.lstrip("+~").partition("=")[0] for override in config["overrides"]}
    choices = config["choices"]
    named = Options([conf_folder()]).named(f"{group}/{choices[group]}", other)
    return other not in given and named is not None and named == choices[other]


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def _classes(schema: Any) -> str:
    if schema.classes:
        return f", {schema.classes} {'symbols' if schema.target == 'text' else 'classes'}"
    return f", {schema.width} value{'s' if schema.width != 1 else ''}" if schema.width else ""


def _optimizer(config: Mapping[str, Any], assembly: Assembly) -> str:
    """Describe the optimizer: its class, and the learning rate of a single group; several have a table."""
    node = config["optim"]
    name = node["_target_"].rpartition(".")[2]
    if node.get("rest"):
        name += f" and {node['rest']['_target_'].rpartition('.')[2]}"
    name += ", fused" if any(group.get("fused") for group in assembly.groups) else ""
    scheduler = config["choices"].get("scheduler", "none")
    schedule = "" if scheduler in (None, "none") else f", schedule {scheduler}"
    if len(assembly.groups) > 1:
        return f"{name}{schedule}, {len(assembly.groups)} groups"
    (group,) = assembly.groups
    lr = f", lr {group['lr']:g}" if "lr" in group else ""
    return f"{name}{lr}{schedule}"


def groups_table(config: Mapping[str, Any], groups: Sequence[Mapping[str, Any]]) -> Table:
    """Return a table with a row a parameter group: its name, its size, and its hyperparameters."""
    nodes = {"main": config["optim"], "rest": config["optim"].get("rest") or {}}
    extra = [key for key in dict.fromkeys(key for group in groups for key in group) if key not in _SHOWN]
    decays = any("weight_decay" in {**nodes[group["part"]], **group} for group in groups)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("group", no_wrap=True, min_width=max(len(group["name"]) for group in groups))
    for column in ("tensors", "parameters", "lr", *(["weight decay"] if decays else []), *extra):
        table.add_column(column, justify="right")
    if staged := any("frozen_until" in group for group in groups):
        table.add_column("frozen until")
    for group in groups:
        values = {**nodes[group["part"]], **group}
        tensors = [parameter for _, parameter in group["params"]]
        shown = [values.get(key) for key in ("lr", *(["weight_decay"] if decays else []), *extra)]
        until = [_until(group["frozen_until"]) if "frozen_until" in group else ""] if staged else []
        counts = [str(len(tensors)), f"{sum(tensor.numel() for tensor in tensors):,}"]
        table.add_row(group["name"], *counts, *("" if value is None else _short(value) for value in shown), *until)
    return table


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, (int, float)) and not isinstance(value, bool) else str(value)


def _until(stage: Sequence[Any]) -> str:
    kind, number = stage
    return f"{number:.0%} of the run" if kind == "share" else f"{kind} {number}"


def _logdir(folder: Path) -> str:
    parts = folder.parts
    return str(Path(*parts[: parts.index("outputs") + 1])) if "outputs" in parts else str(folder)
