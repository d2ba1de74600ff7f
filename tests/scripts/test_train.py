from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
# Runs the script again and again in one process, and says after each what heavy modules have been imported.
PROBE = """
import os, runpy, sys
script, *lines = sys.argv[1:]
for line in lines:
    sys.argv = [script, *line.split()]
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as end:
        code = end.code or 0
    heavy = sorted({"torch", "lightning", "torchvision", "torchmetrics", "sklearn"} & set(sys.modules))
    print(f"<{line}> {code} {heavy}", flush=True)
"""
LIGHT = {
    "--help": 0,
    "--hydra-help": 0,
    "--cfg job": 0,
    "--cfg job loss=ctc optim=sgd": 0,
    "-sc query=bash": 0,
    "loss=ctcc": 1,
    "los=ctc": 1,
    "optim.lrr=1": 1,
    "optim.lr=fast": 1,
    "loss=mse,l1": 1,
    "data=mnist": 1,
    "loss=ctc data=digits": 1,
    "ckpt=nowhere/last.ckpt": 1,
    "-m loss=ctc,ctcc": 1,
    "-m loss=ctc data=digits,diabetes": 1,
}


def start(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COMP_LINE": "python train.py loss=mul", "COMP_POINT": "99"}
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, cwd=cwd, env=environment, check=False
    )


@pytest.mark.parametrize("name", ["train", "evaluate", "find_lr", "explore"])
def test_what_one_has_written_oneself_is_found_in_the_working_folder(tmp_path: Path, name: str):
    (tmp_path / "my_losses.py").write_text("print('found')\n")
    script = ROOT / "scripts" / f"{name}.py"
    lines = [
        "import runpy, sys; sys.argv = ['script.py', '--cfg', 'jobs']",
        f"try: runpy.run_path({str(script)!r}, run_name='__main__')",
        "except SystemExit: import my_losses",
    ]
    done = start("-I", "-c", "\n".join(lines), cwd=tmp_path)
    assert done.stdout == "found\n", done.stderr


@pytest.fixture(scope="module")
def probed(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    folder = tmp_path_factory.mktemp("empty")
    return start("-c", PROBE, str(ROOT / "scripts" / "train.py"), *LIGHT, cwd=folder), folder


@pytest.mark.parametrize("line", LIGHT)
def test_help_config_completion_and_errors_never_import_torch(
    probed: tuple[subprocess.CompletedProcess[str], Path], line: str
):
    output = probed[0].stdout
    assert f"<{line}> {LIGHT[line]} []" in output, probed[0].stderr


def test_nothing_is_written_by_any_of_them(probed: tuple[subprocess.CompletedProcess[str], Path]):
    assert list(probed[1].iterdir()) == []


def test_the_help_says_what_the_tool_does_and_what_there_is(probed: tuple[subprocess.CompletedProcess[str], Path]):
    text = probed[0].stdout.partition("<--help>")[0]
    assert text.startswith("Trains a network with any loss")
    for loss in (ROOT / "conf" / "loss").glob("*.yaml"):
        assert loss.stem in text.partition("\nloss: ")[2].partition("\n")[0]
    assert "--config-dir DIR" in text
    assert 'eval "$(python' in text


def test_the_tab_key_completes_options(probed: tuple[subprocess.CompletedProcess[str], Path]):
    text = probed[0].stdout.partition("<-sc query=bash>")[0].rpartition(">")[2]
    assert {"loss=multi_margin", "loss=multilabel_margin", "loss=multilabel_soft_margin"} <= set(text.split())


@pytest.mark.slow
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_all_processes_of_a_run_leaves_its_workers_until_it_is_saved(
    tmp_path: Path, sent: signal.Signals
) -> None:
    for name, shade in (("dark", 0), ("light", 255)):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(100):
            Image.new("L", (8, 8), abs(shade - number)).save(tmp_path / "photos" / name / f"{number}.png")
    data = ["data=image_folder", "data.root=photos", "data.num_workers=2", "data.cache=none", "data.batch_size=2"]
    trainer = ["trainer=cpu", "trainer.max_epochs=500", "hydra.run.dir=run"]
    run = subprocess.Popen(
        [sys.executable, str(ROOT / "scripts" / "train.py"), *data, *trainer],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,  # a process group of its own, as a shell or a cluster's scheduler makes one
    )
    while not (tmp_path / "run" / "checkpoints" / "last.ckpt").exists():
        assert run.poll() is None
        time.sleep(0.02)
    os.killpg(run.pid, sent)
    _, err = run.communicate(timeout=50)  # workers that are terminated as the run ends do so at once, not in a minute
    assert run.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143}[sent], err
    assert "Traceback" not in err


@pytest.mark.slow
def test_a_run_that_is_stopped_is_saved_and_says_so_to_the_shell(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "scripts" / "train.py"), "trainer=cpu", "trainer.max_epochs=2000"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    codes = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
    runs = {
        sent: subprocess.Popen(
            [*command, f"hydra.run.dir={sent.name}"], cwd=tmp_path, env=environment, text=True, stdout=subprocess.PIPE
        )
        for sent in codes
    }
    try:
        for sent, run in runs.items():
            while not (tmp_path / sent.name / "checkpoints" / "last.ckpt").exists():
                assert run.poll() is None
                time.sleep(0.02)
            run.send_signal(sent)
            said, _ = run.communicate(timeout=60)
            assert run.returncode == codes[sent]
            assert f"ckpt={sent.name}/checkpoints/last.ckpt" in said
    finally:
        for run in runs.values():
            run.kill()
        assert json.loads((tmp_path / sent.name / "metrics.json").read_text())["status"] == "interrupted"


@pytest.mark.slow
def test_a_run_that_nobody_reads_trains_to_its_end(tmp_path: Path) -> None:
    arguments = ["trainer=cpu", "data.limit=40", "trainer.max_epochs=2", "hydra.run.dir=run"]
    command = [sys.executable, "-W", "error", str(ROOT / "scripts" / "train.py"), *arguments]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        assert run.stderr is not None
        assert run.stdout.readline().startswith("loss")
        run.stdout.close()
        assert run.stderr.read() == ""
    assert run.returncode == 0
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["status"] == "completed"
