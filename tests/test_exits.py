"""How commands end: exit codes after signals, and what becomes of them when nobody reads what they print."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest

from lossbook.exits import Stopped, exit_code, stopped_by

PRINTS = """
import sys
from lossbook.exits import exit_code
def command():
    print("first", flush=True)
    sys.stdin.readline()
    for number in range(9000):
        print(number)
        print(number, file=sys.stderr)
    open("done", "w").close()
    return 0
sys.exit(exit_code(command))
"""


def ends_with(error: BaseException) -> Callable[[], int]:
    def command() -> int:
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (KeyboardInterrupt(), 130),
        (Stopped(signal.SIGTERM), 143),
        (Stopped(signal.SIGHUP), 129),
        (SystemExit(), 0),
        (SystemExit(143), 143),
        (SystemExit(2), 1),
        (SystemExit("what went wrong"), 1),
    ],
)
def test_a_command_ends_with_one_of_few_codes(error: BaseException, code: int) -> None:
    assert exit_code(ends_with(error)) == code


def test_an_interrupt_is_one_however_it_was_worded_on_its_way() -> None:
    def command() -> int:
        try:
            raise Stopped(signal.SIGTERM)
        except KeyboardInterrupt as error:
            raise RuntimeError("Error calling __set_name__") from error  # as Python does until 3.12

    assert exit_code(command) == 143
    with pytest.raises(ZeroDivisionError):
        exit_code(ends_with(ZeroDivisionError()))


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_raised_wherever_the_command_is_and_afterwards_is_what_it_was(sent: signal.Signals) -> None:
    def command() -> int:
        os.kill(os.getpid(), sent)
        signal.pause()
        return 0

    assert exit_code(command) == 128 + sent
    assert signal.getsignal(sent) is signal.SIG_DFL


def test_what_others_ignore_or_handle_stays_so() -> None:
    def command() -> int:
        os.kill(os.getpid(), signal.SIGHUP)
        return 0

    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        assert exit_code(command) == 0
    finally:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.mark.parametrize("options", [[], ["-u"]])
def test_a_command_that_nobody_reads_goes_on_in_silence(tmp_path: object, options: list[str]) -> None:
    command = [sys.executable, *options, "-c", PRINTS]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=str(tmp_path), text=True, **pipes) as process:  # type: ignore[call-overload]
        assert process.stdout.readline() == "first\n"
        process.stdout.close()
        process.stdin.write("\n")
        process.stdin.close()
        said = process.stderr.read()
    assert process.returncode == 0
    assert said == "".join(f"{number}\n" for number in range(9000))
    assert os.path.exists(f"{tmp_path}/done")


def test_the_stream_of_a_test_or_a_notebook_is_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    def command() -> int:
        print("said")
        return 0

    assert exit_code(command) == 0
    assert capsys.readouterr().out == "said\n"


def test_errors_that_lead_back_to_themselves_are_no_interrupt() -> None:
    first, second = ValueError("first"), ValueError("second")
    first.__context__, second.__cause__ = second, first
    assert stopped_by(first) is None
