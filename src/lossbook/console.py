"""``lossbook NAME ...``: run a command of the installed package; nothing of it is imported before it is chosen."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

from lossbook.config.completion import installation
from lossbook.errors import nearest, refuse
from lossbook.invocation import command_file

COMMANDS = {
    "train": "train a network, or sweep over many (-m)",
    "evaluate": "print the metrics of a checkpoint, on its own data or on other data",
    "predict": "let a checkpoint predict for new files or tables, into predictions.csv",
    "export": "write a trained network to a file that runs without Lossbook",
    "search": "search for good values of hyperparameters",
    "report": "compare runs and sweeps: leaderboards, curves, tables",
    "find-lr": "find a learning rate",
    "explore": "draw what an optimizer, a loss or an augmentation does",
    "pairings": "print tables of losses, optimizers, metrics and data",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that the first argument names with the other arguments; return its exit code."""
    name, *others = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
    if name in ("-h", "--help"):
        print(_help())
        return 0
    if name == "--version":
        print(f"lossbook {_version()}")
        return 0
    if name in ("-sc", "--shell-completion"):
        print(installation(others) or " ".join(COMMANDS))
        return 0
    if (spelt := name.replace("_", "-")) not in COMMANDS:
        rule = f"There is no such command: {', '.join(COMMANDS)}."
        print(refuse(f"lossbook {name}", rule, f"lossbook {_meant(name, others)}"), file=sys.stderr)
        return 1
    module = spelt.replace("-", "_")
    sys.argv = [str(command_file(module)), *others]
    run: Callable[[Sequence[str]], int] = import_module(f"lossbook.commands.{module}").main
    return run(others)


def _help() -> str:
    width = max(map(len, COMMANDS))
    listed = "\n".join(f"  lossbook {name:<{width}}  {said}" for name, said in COMMANDS.items())
    return f"""usage: lossbook COMMAND ...

{listed}

  lossbook COMMAND --help     what a command takes
  lossbook --version          the version
  lossbook -sc install=bash   tab completion for bash: eval "$(lossbook -sc install=bash)\""""


def _meant(name: str, others: Sequence[str]) -> str:
    """Return the command that was probably meant; arguments alone are those of a training."""
    return "train ..." if "=" in name or name == "-m" else nearest(name, COMMANDS) or "--help"


def _version() -> str:
    try:
        return version("lossbook")
    except PackageNotFoundError:  # run from a folder of sources
        return "of sources that are not installed"
