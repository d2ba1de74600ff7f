"""What Hydra cannot read is answered with what it can."""

from __future__ import annotations

import pytest
from hydra.errors import OverrideParseException

from lossbook.config.arguments import parse
from lossbook.config.options import Options, conf_folder
from lossbook.config.syntax_errors import syntax_error


@pytest.mark.parametrize(
    ("argument", "fix"),
    [
        ("loss=glob(*", "'loss=glob(*)'"),
        ("model.channels=[8,16", "'model.channels=[1,2]'"),
        ("seed=range(a,b)", "'seed=range(0,5)'"),
        ("optim.lr=interval(1e-4)", "'optim.lr=interval(1e-4,1e-1)'"),
        ("optim.lr=tag(log)", "'optim.lr=tag(log,interval(1e-4,1e-1))'"),
        ("seed=1,,2", "seed=1,2"),
        ("seed=,1", "seed=1"),
        ("run.name=what?!", "\"run.name='what?!'\""),
    ],
)
def test_the_fix_can_be_read(argument: str, fix: str) -> None:
    with pytest.raises(OverrideParseException):
        parse([argument])
    (problem,) = syntax_error(argument, [argument], Options([conf_folder()])).problems
    assert (problem.given, problem.fix) == (argument, fix)
    assert problem.rule
    parse([fix.strip("'") if fix[0] == "'" else fix.strip('"')])  # without the shell's quotes
