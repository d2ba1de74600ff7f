"""Whatever happens to a job ends that job alone: the worker takes the next one."""

from __future__ import annotations

import gc
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lossbook.sweeps.job_state import JobState, record_failure, state_of
from lossbook.sweeps.locks import lock
from lossbook.sweeps.worker import Worker

pytestmark = pytest.mark.slow

TINY = ["data=digits", "data.limit=40", "data.batch_size=20", "trainer.max_epochs=1", "trainer.accelerator=cpu"]


STUCK = ["loss=faulty", "loss.criterion.fate=stuck"]


@pytest.fixture
def worker(faulty: Path) -> Iterator[Worker]:
    worker = Worker("scripts/train.py")
    worker.start()
    yield worker
    worker.close()


def within(seconds: float, condition: Callable[[], bool]) -> None:
    """Waits until that holds."""
    late = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < late
        time.sleep(0.01)


def run(worker: Worker, number: int, *overrides: str, **options: Any) -> JobState:
    return worker.run(Path("sweep") / str(number), "", [*overrides, *TINY], [str(Path("mine").absolute())], **options)


def fate(worker: Worker, number: int, what: str, **options: Any) -> JobState:
    return run(worker, number, "loss=faulty", f"loss.criterion.fate={what}", **options)


def metrics(number: int) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(f"sweep/{number}/metrics.json").read_text())
    return found


def test_jobs_that_fail_leave_their_message_and_the_next_one_runs(worker: Worker) -> None:
    assert run(worker, 0, "loss=mse") == JobState("completed")
    process = worker._process
    nan = fate(worker, 1, "nan")
    assert nan.status == "failed"
    assert "nan" in nan.message
    assert worker._process is process  # a message to the user leaves nothing behind
    assert fate(worker, 2, "raises").message == "ZeroDivisionError: the user's own"
    killed = fate(worker, 3, "killed")
    assert killed.status == "failed"
    assert "SIGKILL" in killed.message
    assert "exit code 3" in fate(worker, 4, "exits").message
    assert "Not finished after 1.5 s, the timeout." in fate(worker, 5, "hangs", timeout=1.5).message
    assert run(worker, 6, "loss=mse") == JobState("completed")
    assert metrics(6)["metrics"] == metrics(0)["metrics"]  # nothing has leaked from one to the other
    assert [metrics(number)["status"] for number in range(7)] == ["completed", *["failed"] * 5, "completed"]
    assert not list(Path("sweep").glob("*/*progress*"))  # not even of the one that was killed
    output = Path("sweep/2/output.txt").read_text()
    assert output.startswith("$ python scripts/train.py")
    assert "Traceback" in output


def test_a_job_that_is_done_is_not_run_again_and_a_failed_one_when_asked(worker: Worker) -> None:
    assert fate(worker, 0, "raises").status == "failed"
    written = Path("sweep/0/metrics.json").stat().st_mtime_ns
    assert fate(worker, 0, "raises").status == "failed"
    assert Path("sweep/0/metrics.json").stat().st_mtime_ns == written
    Path("fixed").touch()
    assert fate(worker, 0, "raises", retry=True) == JobState("completed")
    written = Path("sweep/0/metrics.json").stat().st_mtime_ns
    assert fate(worker, 0, "raises", retry=True) == JobState("completed")
    assert Path("sweep/0/metrics.json").stat().st_mtime_ns == written


def test_what_was_killed_goes_on_from_its_last_checkpoint_to_the_same_metrics(worker: Worker) -> None:
    job = [*TINY, "trainer.max_epochs=60", "loss=mse", "logger=none"]
    killer = threading.Thread(target=_kill_after_a_checkpoint, args=(worker, Path("sweep/0/checkpoints/last.ckpt")))
    killer.start()
    cut = worker.run(Path("sweep/0"), "", job, [])
    killer.join()
    assert cut.resumable
    assert worker.run(Path("sweep/0"), "", job, [], retry=True) == JobState("completed")
    assert "sweep/0/checkpoints/last.ckpt" in Path("sweep/0/output.txt").read_text()
    assert worker.run(Path("sweep/1"), "", job, []) == JobState("completed")
    assert metrics(0)["metrics"] == metrics(1)["metrics"]


def test_a_loss_of_ones_own_goes_on_as_well(worker: Worker) -> None:
    job = [*TINY, "trainer.max_epochs=60", "loss=faulty", "logger=none"]
    mine = [str(Path("mine").absolute())]
    killer = threading.Thread(target=_kill_after_a_checkpoint, args=(worker, Path("sweep/0/checkpoints/last.ckpt")))
    killer.start()
    assert worker.run(Path("sweep/0"), "", job, mine).resumable
    killer.join()
    assert worker.run(Path("sweep/0"), "", job, mine, retry=True) == JobState("completed")
    assert "+trust=[faulty.faulty]" in Path("sweep/0/output.txt").read_text()
    assert worker.run(Path("sweep/1"), "", job, mine) == JobState("completed")
    assert metrics(0)["metrics"] == metrics(1)["metrics"]


def _kill_after_a_checkpoint(worker: Worker, file: Path) -> None:
    within(120, file.exists)
    assert worker._process is not None
    os.kill(worker._process.pid, signal.SIGKILL)


def test_a_job_that_another_process_has_is_left_to_it(worker: Worker) -> None:
    with lock(Path("sweep/0")).acquire(timeout=0):
        assert run(worker, 0, "loss=mse") == JobState("in another process")
    assert run(worker, 0, "loss=mse") == JobState("completed")


@pytest.mark.parametrize(("how", "left"), [(Worker.interrupt, "interrupted"), (Worker.kill, "cut short")])
def test_another_thread_may_stop_it(worker: Worker, how: Callable[[Worker], None], left: str) -> None:
    saved = Path("sweep/1/checkpoints/last.ckpt")
    killer = threading.Thread(target=lambda: (within(120, saved.exists), how(worker)))
    killer.start()
    ending = worker.run(Path("sweep/1"), "", [*TINY, "loss=mse", "trainer.max_epochs=100000"])
    killer.join()
    assert ending.status == "interrupted"
    assert state_of(Path("sweep/1")).status == left  # could it save itself?


def test_one_that_is_stopped_before_it_has_begun_is_no_failure(worker: Worker) -> None:
    worker.interrupt()  # it imports torch
    assert run(worker, 1, "loss=mse") == JobState("interrupted")
    assert state_of(Path("sweep/1")).status == "waiting"


def test_a_worker_that_dies_before_it_begins_is_not_taken_for_the_failure_before(
    faulty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_failure(Path("sweep/0"), "of old", 1.0, resumable=False)
    monkeypatch.setattr("lossbook.sweeps.worker._CODE", "raise SystemExit(7)")
    worker = Worker("scripts/train.py")
    assert "exit code 7" in run(worker, 0, "loss=mse", retry=True).message
    with lock(Path("sweep/1")).acquire(timeout=0):  # another process has the job: its folder is not ours
        monkeypatch.setattr("lossbook.sweeps.worker.PATIENCE_S", 0.1)
        assert run(worker, 1, "loss=mse") == JobState("in another process")
    assert not Path("sweep/1/metrics.json").exists()
    worker.close()


def test_a_worker_ends_with_the_one_that_started_it(faulty: Path) -> None:
    worker = Worker("scripts/train.py")
    worker.start()
    assert worker._process is not None
    assert worker._jobs is not None
    worker._jobs.close()  # as when the parent is killed
    assert worker._process.wait(timeout=60) == -signal.SIGKILL
    worker.close()


def test_threads_and_slot_are_told_by_the_environment(faulty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    monkeypatch.setenv("SLURM_NTASKS", "1")
    monkeypatch.setenv("SLURM_PROCID", "1")
    monkeypatch.setenv("MASTER_PORT", "1234")
    worker = Worker("scripts/train.py", threads=1, slot=3)
    worker.start()
    assert worker._process is not None
    proc = Path(f"/proc/{worker._process.pid}/environ")
    within(60, lambda: "LOSSBOOK_SLOT" in proc.read_text())
    environment = proc.read_text().split("\0")
    worker.close()
    assert {"OMP_NUM_THREADS=1", "LOSSBOOK_SLOT=3"} <= set(environment)
    assert not any(one.startswith(("SLURM_", "MASTER_PORT")) for one in environment)


def test_another_thread_may_interrupt_and_kill() -> None:
    worker = Worker("scripts/search.py")
    worker.interrupt()  # nothing has started
    code = "import time\ntry: print('ready', flush=True); time.sleep(60)\nexcept KeyboardInterrupt: raise SystemExit(7)"
    for end, expected in ((worker.interrupt, 7), (worker.kill, -signal.SIGKILL)):
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True)
        assert process.stdout is not None
        process.stdout.readline()
        worker._process = process
        end()
        assert process.wait(20) == expected
        process.stdout.close()


def test_a_job_finds_modules_as_a_run_by_itself_and_no_input(worker: Worker, faulty: Path) -> None:
    Path("random.py").write_text("raise SystemExit('of the working folder')\n")  # behind Python's own
    Path("asks.py").write_text(
        "from torch.nn import functional as F\n\ndef asks(input, target, fate):\n    __builtins__['input']()\n"
    )
    worker.close()
    ending = run(worker, 0, "loss=faulty", "loss.criterion={_target_: asks.asks}")
    assert "EOFError: EOF when reading a line" in ending.message
    assert run(worker, 1, "loss=mse") == JobState("completed")


def test_a_job_that_goes_to_another_folder_takes_nobody_along(worker: Worker, faulty: Path) -> None:
    Path("goes.py").write_text(
        "import os\nfrom torch.nn import functional as F\n\n"
        "def goes(input, target, fate):\n    os.chdir('/')\n    return F.cross_entropy(input, target)\n"
    )
    assert run(worker, 0, "loss=faulty", "loss.criterion={_target_: goes.goes}") == JobState("completed")
    assert run(worker, 1, "loss=mse") == JobState("completed")
    assert metrics(0)["status"] == metrics(1)["status"] == "completed"


def test_one_that_is_stopped_between_two_processes_begins_nothing(faulty: Path) -> None:
    worker = Worker("scripts/train.py")
    worker.interrupt()  # there is no process that could be told
    assert run(worker, 0, "loss=mse") == JobState("interrupted")
    assert state_of(Path("sweep/0")).status == "waiting"
    worker.close()


@pytest.mark.skipif(sys.platform != "linux", reason="open files are listed in /proc")
def test_a_process_that_cannot_be_started_leaves_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    gc.collect()  # what other tests have left is not closed meanwhile
    before = len(os.listdir("/proc/self/fd"))
    monkeypatch.setattr("subprocess.Popen", lambda *_, **__: (_ for _ in ()).throw(OSError("no memory")))
    worker = Worker("scripts/train.py")
    for _ in range(3):
        with pytest.raises(OSError, match="no memory"):
            worker.start()
    worker.close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_what_has_completed_elsewhere_is_not_taken_for_lost(faulty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("sweep/0").mkdir(parents=True)
    Path("sweep/0/metrics.json").write_text('{"status": "completed", "metrics": {"val/acc": 1.0}}')
    monkeypatch.setattr("lossbook.sweeps.worker._CODE", "raise SystemExit(7)")
    worker = Worker("scripts/train.py")
    assert run(worker, 0, "loss=mse") == run(worker, 0, "loss=mse", retry=True) == JobState("completed")
    record_failure(Path("sweep/1"), "of old", 1.0, resumable=False)
    assert run(worker, 1, "loss=mse") == JobState("failed", "of old")
    assert metrics(0)["metrics"] == {"val/acc": 1.0}
    worker.close()


def test_it_works_where_standard_streams_are_closed(faulty: Path) -> None:
    code = f"""
import os, sys
from pathlib import Path
for number in (0, 1): os.close(number)
from lossbook.sweeps.worker import Worker
worker = Worker("scripts/train.py")
ending = worker.run(Path("sweep/0"), "", {["loss=mse", *TINY]})
worker.close()
os._exit(ending.status != "completed")
"""
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=120).returncode == 0


def test_it_can_be_stopped_where_a_shell_ignores_ctrl_c(faulty: Path) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        worker = Worker("scripts/train.py")
        worker.start()
    finally:
        signal.signal(signal.SIGINT, before)
    saved = Path("sweep/1/checkpoints/last.ckpt")
    stopper = threading.Thread(target=lambda: (within(120, saved.exists), worker.interrupt()))
    stopper.start()
    ending = worker.run(Path("sweep/1"), "", [*TINY, "loss=mse", "trainer.max_epochs=100000"], timeout=60)
    stopper.join()
    assert (ending.status, state_of(Path("sweep/1")).status) == ("interrupted", "interrupted")
    worker.close()


def test_a_worker_that_is_told_to_end_saves_its_job(worker: Worker) -> None:
    def end() -> None:
        within(120, Path("sweep/1/checkpoints/last.ckpt").exists)
        assert worker._process is not None
        os.kill(worker._process.pid, signal.SIGTERM)

    thread = threading.Thread(target=end)
    thread.start()
    ending = worker.run(Path("sweep/1"), "", [*TINY, "loss=mse", "trainer.max_epochs=100000"], timeout=60)
    thread.join()
    assert ending.status == "interrupted"


def test_a_failure_of_several_processes_is_not_the_next_jobs(faulty: Path) -> None:
    worker = Worker(str(Path(__file__).absolute().parents[2] / "scripts" / "train.py"))  # which is started again
    several = [*TINY, "trainer.devices=2", "loss=mse", "optim=sgd", "trainer.max_epochs=3"]
    diverging = [*several, "optim.lr=1e4", "trainer.max_epochs=50"]
    assert re.search("is (nan|inf)", worker.run(Path("sweep/0"), "", diverging).message)
    assert worker.run(Path("sweep/1"), "", several) == JobState("completed")
    worker.close()


def test_a_message_in_letters_that_cannot_be_written_is_told_without_them(worker: Worker) -> None:
    Path("odd.py").write_text(r"""
def odd(input, target, fate):
    raise ValueError("caf\udcff")
""")
    message = run(worker, 0, "loss=faulty", "loss.criterion={_target_: odd.odd}").message
    assert "ValueError: caf? (odd.py, line 3)" in message
