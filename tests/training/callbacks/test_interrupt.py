"""Ctrl-C and SIGTERM are held back while a run trains; Ctrl-C once, and only where Python's own handler has it."""

from __future__ import annotations

import os
import signal
import threading
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from lightning.pytorch.utilities.exceptions import SIGTERMException

from lossbook.training.callbacks.interrupt import InterruptRequest


def attached(request: InterruptRequest, processes: int = 1) -> Any:
    """What stands for a trainer of so many processes; its handler of SIGTERM is installed as Lightning does."""
    trainer: Any = SimpleNamespace(
        world_size=processes,
        _signal_connector=SimpleNamespace(),
        fit_loop=SimpleNamespace(epoch_loop=SimpleNamespace()),
        strategy=SimpleNamespace(root_device="cpu", launcher=SimpleNamespace(procs=["another"])),
    )
    request.attach(trainer)
    signal.signal(signal.SIGTERM, trainer._signal_connector._sigterm_notifier_fn)
    return trainer


def test_the_first_ctrl_c_is_held_back_and_the_second_is_not(capfd: pytest.CaptureFixture[str]) -> None:
    request = InterruptRequest()
    trainer = attached(request)
    request.hold()
    request.stop_if_requested(trainer)  # nothing was asked for
    os.kill(os.getpid(), signal.SIGINT)
    assert request.requested
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        request.stop_if_requested(trainer)
    assert not request.requested
    assert capfd.readouterr().err.count("the run is saved after this step") == 1


def test_sigterm_is_held_back_while_a_run_trains_however_often_it_comes(capfd: pytest.CaptureFixture[str]) -> None:
    request = InterruptRequest()
    trainer = attached(request)
    with pytest.raises(SIGTERMException):
        os.kill(os.getpid(), signal.SIGTERM)
    os.kill(os.getpid(), signal.SIGTERM)  # while the first one is met
    request.hold()
    assert not request.requested
    for _ in range(2):
        os.kill(os.getpid(), signal.SIGTERM)
    assert request.requested
    with pytest.raises(SIGTERMException):
        request.stop_if_requested(trainer)
    assert trainer.strategy.launcher.procs == []  # Lightning would kill this process when another has ended
    assert capfd.readouterr().err.count("SIGTERM: the run is saved after this step") == 1


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_several_processes_stop_when_all_know(
    sent: signal.Signals, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    told = InterruptRequest()
    first = attached(told, 2)
    told.hold()
    os.kill(os.getpid(), sent)
    told.release()
    other = InterruptRequest()  # in another process
    second = attached(other, 2)
    other.hold()
    assert not told.requested  # the other one would go on

    def all_reduce(tensor: torch.Tensor, operation: Any) -> None:
        assert operation == torch.distributed.ReduceOp.MAX
        tensor.fill_(max(told._received, other._received))

    monkeypatch.setattr(torch.distributed, "all_reduce", all_reduce)
    for trainer in (first, second):
        trainer.fit_loop.epoch_loop._broadcast_sigterm_tensor()  # which Lightning calls at the start of a batch
    assert told.requested
    assert other.requested
    assert capfd.readouterr().err.count("saved after this step") == 2  # once in each, were both the first
    for request, trainer in ((told, first), (other, second)):
        with pytest.raises(SIGTERMException if sent == signal.SIGTERM else KeyboardInterrupt):
            request.stop_if_requested(trainer)


def test_released_it_leaves_ctrl_c_as_it_was() -> None:
    request = InterruptRequest()
    request.hold()
    request.release()
    request.release()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_it_keeps_away_from_other_handlers_and_other_threads() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    InterruptRequest().hold()
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    signal.signal(signal.SIGINT, signal.default_int_handler)
    thread = threading.Thread(target=InterruptRequest().hold)
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
