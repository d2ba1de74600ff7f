"""Predict for new files or tables: ``lossbook predict ckpt=RUN input=photos``; --help shows what else there is."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lossbook.checkpoints.file import checkpoint_in
from lossbook.config.command import Request, command
from lossbook.config.paths import meant, split_ckpt
from lossbook.config.script_keys import taken
from lossbook.errors import UserError, nearest, refuse
from lossbook.exits import exit_code
from lossbook.invocation import as_typed

KEYS: dict[str, Any] = {
    "input": None,
    "output": None,
    "overwrite": False,
    "top_k": None,
    "batch_size": 64,
    "device": "auto",
    "num_workers": 0,
    "id_column": None,
}
_DEVICES = ("auto", "cpu", "cuda")


def main(arguments: Sequence[str]) -> int:
    """Predict for the inputs that the arguments name; return the exit code."""
    try:
        ckpt, others = split_ckpt(arguments)
        path = None if ckpt is None else checkpoint_in(Path(ckpt))
        _refuse_overrides(others)
    except UserError as error:
        print(as_typed(str(error)), file=sys.stderr)
        return 1
    if path is not None and path.suffix == ".onnx":
        return exit_code(lambda: _exported(path, others))
    return command("predict", _job, keys=KEYS, arguments=[*others, *([] if path is None else [f"ckpt={path}"])])


def _job(request: Request) -> dict[str, int]:
    from lossbook.config.resolve import plain

    values = plain(request.config)
    if values.get("ckpt") is None:
        raise refuse("ckpt is not given.", "Predictions need a trained network.", "ckpt=RUN, a run's folder")
    options = _checked(request.keys)
    from lossbook.prediction.predict import predict
    from lossbook.prediction.predictor import of_config

    return predict(of_config(values, options["device"]), options["input"], options["output"], options)


def _refuse_overrides(arguments: Sequence[str]) -> None:
    """Refuse arguments that would change the config of a checkpoint, but for ``+trust=[...]``."""
    for argument in arguments:
        key, equals, _ = argument.lstrip("+~").partition("=")
        if equals and not key.startswith("-") and key not in (*KEYS, "trust", "query", "install", "uninstall"):
            near = nearest(key, KEYS)
            rule = "A network predicts as it was trained: nothing of its config can change."
            raise refuse(argument, rule, f"{near}=..." if near else "leave it out")


def _exported(path: Path, others: Sequence[str]) -> int:
    try:
        values, more = taken(others, KEYS)
        if more:
            raise refuse(more[0], "An exported file has no config that could change.", "leave it out")
        options = _checked(values)
        from lossbook.prediction.predict import predict
        from lossbook.prediction.predictor import load

        predict(load(path, device=options["device"]), options["input"], options["output"], options)
    except UserError as error:
        print(as_typed(str(error)), file=sys.stderr)
        return 1
    return 0


def _checked(values: Any) -> dict[str, Any]:
    """Return the options with paths as such and numbers in range; before torch is imported."""
    options = dict(values)
    if options["input"] is None:
        rule = "It is a folder, a file, a pattern, a table, or - for paths on the standard input."
        raise refuse("input is not given.", rule, "input=FOLDER")
    if options["device"] not in _DEVICES:
        rule = f"The device is {', '.join(_DEVICES[:-1])} or {_DEVICES[-1]}."
        raise refuse(
            f"device={options['device']}", rule, f"device={nearest(str(options['device']), _DEVICES) or 'auto'}"
        )
    for key, least in (("batch_size", 1), ("num_workers", 0)):
        if options[key] < least:
            raise refuse(f"{key}={options[key]}", f"It must be {least} or more.", f"{key}={KEYS[key]}")
    if options["top_k"] is not None:
        if not str(options["top_k"]).isdecimal() or int(options["top_k"]) < 1:
            raise refuse(f"top_k={options['top_k']}", "It must be a whole number of at least 1.", "top_k=5")
        options["top_k"] = int(options["top_k"])
    options["input"] = meant(options["input"]) if options["input"] != "-" else "-"
    options["output"] = Path("predictions.csv" if options["output"] is None else meant(options["output"]))
    from lossbook.prediction.output import Output

    Output(options["output"], options["overwrite"])  # refuses what it cannot write
    return options
