"""Arguments that Hydra's grammar cannot read, and how they are written."""

from __future__ import annotations

from collections.abc import Sequence

from lossbook.config.options import GROUPS, Options
from lossbook.errors import UserError, refuse

_FUNCTIONS = {  # of Hydra's grammar: the rule, and an example
    "choice": ("A choice holds one value or more.", "choice(1,2)"),
    "glob": ("glob takes the names of options, with * for any letters.", "glob(*)"),
    "interval": ("An interval takes two numbers, its ends.", "interval(1e-4,1e-1)"),
    "range": ("A range takes its start, its stop and, if not 1, its step.", "range(0,5)"),
    "tag": ("A tag, log or linear, stands before an interval.", "tag(log,interval(1e-4,1e-1))"),
}


def unread(given: str, arguments: Sequence[str], options: Options) -> UserError:
    """An argument that Hydra's grammar cannot read."""
    key, equals, value = given.partition("=")
    if not equals:
        group = next((name for name in GROUPS if given in options.names(name)), None)
        fix = f"{group}={given}" if group else "key=value, such as loss=ctc; --help shows what there is"
        return refuse(given, "An argument has the form key=value.", fix)
    rule, example = _FUNCTIONS.get(value.partition("(")[0].strip(), ("", "[1,2]"))
    if sum(map(given.count, "[{(")) != sum(map(given.count, "]})")):
        whole = _joined(given, arguments) or f"{key}={example}"
        return refuse(given, "Brackets must close, within one argument: the shell splits at blanks.", f"'{whole}'")
    if rule and "(" in value:
        return refuse(given, rule, f"'{key}={example}'")
    if "" in (each := value.split(",")) and any(each) and not set("[{('\"") & set(value):
        return refuse(given, "Between two commas stands a value.", f"{key}={','.join(filter(None, each))}")
    plain = value.strip("'\"").replace("'", "\\'")
    return refuse(given, "A value with blanks or special characters needs quotes of its own.", f"\"{key}='{plain}'\"")


def _joined(given: str, arguments: Sequence[str]) -> str | None:
    """The argument together with those after it that close its brackets, None where nothing does."""
    if given not in arguments:
        return None
    whole = ""
    for argument in arguments[list(arguments).index(given) :]:
        whole += argument
        if sum(map(whole.count, "[{(")) == sum(map(whole.count, "]})")):
            return whole
    return None
