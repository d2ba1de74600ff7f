"""Arguments that Hydra's grammar cannot parse, and how to write them."""

from __future__ import annotations

from collections.abc import Sequence

from lossbook.config.options import GROUPS, Options
from lossbook.errors import UserError, refuse

_FUNCTIONS = {  # function of the grammar: its rule, and an example
    "choice": ("A choice needs at least one value.", "choice(1,2)"),
    "glob": ("glob takes names of options, with * as a wildcard.", "glob(*)"),
    "interval": ("An interval takes two numbers, its bounds.", "interval(1e-4,1e-1)"),
    "range": ("A range takes a start, a stop and optionally a step.", "range(0,5)"),
    "tag": ("A tag (log or linear) takes an interval.", "tag(log,interval(1e-4,1e-1))"),
}


def syntax_error(given: str, arguments: Sequence[str], options: Options) -> UserError:
    """Return the refusal of an argument that Hydra's grammar cannot parse.

    Args:
        given: the argument.
        arguments: all of the command line, which may hold the rest of it.
        options: that exist.
    """
    key, equals, value = given.partition("=")
    if not equals:
        group = next((name for name in GROUPS if given in options.names(name)), None)
        fix = f"{group}={given}" if group else "key=value, such as loss=ctc; --help lists the options"
        return refuse(given, "An argument must have the form key=value.", fix)
    rule, example = _FUNCTIONS.get(value.partition("(")[0].strip(), ("", "[1,2]"))
    if sum(map(given.count, "[{(")) != sum(map(given.count, "]})")):
        whole = _joined(given, arguments) or f"{key}={example}"
        return refuse(
            given, "Brackets must be closed within one argument; the shell splits arguments at blanks.", f"'{whole}'"
        )
    if rule and "(" in value:
        return refuse(given, rule, f"'{key}={example}'")
    if "" in (each := value.split(",")) and any(each) and not set("[{('\"") & set(value):
        return refuse(given, "There must be a value between two commas.", f"{key}={','.join(filter(None, each))}")
    plain = value.strip("'\"").replace("'", "\\'")
    return refuse(
        given, "A value with blanks or special characters needs quotes inside the shell's.", f"\"{key}='{plain}'\""
    )


def _joined(given: str, arguments: Sequence[str]) -> str | None:
    """Return the argument joined with those after it that close its brackets, None if none do."""
    if given not in arguments:
        return None
    whole = ""
    for argument in arguments[list(arguments).index(given) :]:
        whole += argument
        if sum(map(whole.count, "[{(")) == sum(map(whole.count, "]})")):
            return whole
    return None
