"""The exit code of a command whatever stops it, and output that may lose its reader without ending the command."""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, TextIO

STOPPING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
_NOBODY_READS = (errno.EPIPE, errno.EIO)  # the pipe was closed by its reader, the terminal was closed
_CODES = (0, 1, 128 + signal.SIGINT, *(128 + number for number in STOPPING))


class Stopped(KeyboardInterrupt):
    """SIGTERM or SIGHUP (``number``), caught wherever Ctrl-C is."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def exit_code(command: Callable[[], int]) -> int:
    """Run a command; return 0 for success, 1 for an error, 130 for Ctrl-C, 143 for SIGTERM, 129 for SIGHUP.

    A command whose output is no longer read (``| head -1``) continues without printing.
    """
    with _stopping(), _printing_on():
        try:
            return command()
        except (KeyboardInterrupt, Exception) as error:
            if (stopped := stopped_by(error)) is None:
                raise
            print("Stopped.", file=sys.stderr)
            return 128 + getattr(stopped, "number", signal.SIGINT)
        except SystemExit as error:
            if isinstance(error.code, str):
                print(error.code, file=sys.stderr)
            code = error.code or 0
            return code if isinstance(code, int) and code in _CODES else 1


def stopped_by(error: BaseException | None) -> KeyboardInterrupt | None:
    """Return the interrupt behind an error, if any: the code that it interrupts may raise another error instead."""
    seen: set[int] = set()
    while error is not None and not isinstance(error, KeyboardInterrupt) and id(error) not in seen:
        seen.add(id(error))  # an error raised from itself is its own cause
        error = error.__cause__ or error.__context__
    return error if isinstance(error, KeyboardInterrupt) else None


def stop(number: int, frame: FrameType | None) -> None:
    """Handle SIGTERM and SIGHUP while a command runs."""
    raise Stopped(number)


@contextmanager
def _stopping() -> Iterator[None]:
    """Install the handler, except for signals that are handled already, or ignored as by ``nohup``."""
    main = threading.current_thread() is threading.main_thread()
    ours = [number for number in STOPPING if main and signal.getsignal(number) is signal.SIG_DFL]
    for number in ours:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


@contextmanager
def _printing_on() -> Iterator[None]:
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = map(_outliving, before)
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(AttributeError, ValueError):  # None, or closed
                stream.flush()
        sys.stdout, sys.stderr = before


def _outliving(stream: Any) -> Any:
    """Wrap a stream so that it ignores the loss of its reader; one that is not a file is returned as it is."""
    try:
        number = stream.fileno()
        stream.flush()
    except (AttributeError, OSError, ValueError):
        return stream
    file = _Outliving(number, "w", closefd=False)
    made: TextIO = io.TextIOWrapper(
        file if stream.write_through else io.BufferedWriter(file),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
    return made


class _Outliving(io.FileIO):
    def write(self, data: Any) -> int:
        try:
            return super().write(data) or 0
        except OSError as error:
            if error.errno not in _NOBODY_READS:
                raise
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())  # libraries and other processes write there, too
            os.close(nowhere)
            return len(data)
