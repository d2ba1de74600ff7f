"""The work of ``lossbook predict``: from files to a table of predictions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from lossbook.data.source import sample_count
from lossbook.errors import Problem
from lossbook.formatting import plural
from lossbook.prediction.inputs import find_inputs
from lossbook.prediction.masks import MasksOfFiles
from lossbook.prediction.output import Output, in_a_line
from lossbook.prediction.predictor import nothing_read
from lossbook.training.summary import console

if TYPE_CHECKING:
    from rich.console import Console

    from lossbook.prediction.predictor import Predictor

SHOWN = 20  # broken inputs that are listed


def predict(predictor: Predictor, given: str, path: Path, options: Mapping[str, Any]) -> dict[str, int]:
    """Predict for all inputs, and write a table.

    Args:
        predictor: a network at work.
        given: the inputs, see ``find_inputs``.
        path: of the table.
        options: ``top_k``, ``batch_size``, ``num_workers``, ``id_column`` and ``overwrite``.

    Returns:
        The numbers of samples that were ``predicted``, and of those that are ``bad``.

    Raises:
        UserError: nothing could be read, or the table cannot be written.
    """
    predictor.require_top(options["top_k"])
    files = find_inputs(given, predictor.reader.suffixes)
    output = Output(path, options["overwrite"], (file.path for file in files))
    read = predictor.files(files, options["id_column"])
    out = console()
    for note in read.notes:
        out.print(f"[dim]note    [/dim] {escape(note)}")
    bad: list[Problem] = list(read.bad)
    done = 0
    masks = MasksOfFiles(read.part, predictor.schema)
    with output:
        for problem in read.bad:
            output.add_bad("", problem)
        with _progress(out) as progress:
            task = progress.add_task("predicting", total=sample_count(read.part))
            for places, rows, wrong in predictor.rows(
                read, options["batch_size"], options["num_workers"], options["top_k"]
            ):
                if places:
                    output.add([read.names[place] for place in places], masks(rows, places))
                for name, problem in wrong:
                    output.add_bad(name, problem)
                    bad.append(problem)
                done += len(places)
                progress.advance(task, len(places) + len(wrong))
        if not done:
            raise nothing_read(bad)
    out.print(f"predicted    {plural(done, 'sample')}")
    for file in output.files:
        out.print(f"written      {escape(str(file))}", soft_wrap=True)
    if masks.note is not None:
        out.print(f"[dim]note    [/dim] {masks.note}")
    if bad:
        _print_bad(out, bad, output.bad_path)
    return {"predicted": done, "bad": len(bad)}


def _progress(out: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=out, transient=True, disable=not out.is_terminal)


def _print_bad(out: Console, bad: list[Problem], path: Path) -> None:
    out.print(f"\n[bold]{plural(len(bad), 'input')} could not be read[/bold]; all of them are in {escape(str(path))}")
    for problem in bad[:SHOWN]:
        out.print(f"  {escape(in_a_line(problem))}", soft_wrap=True)
    if len(bad) > SHOWN:
        out.print(f"  ... and {len(bad) - SHOWN:,} more")
