"""Stages of small repositories side by side, run by the real DVC."""

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from dvc.repo import Repo
from joblib.externals.loky.backend import context  # type: ignore[import-untyped]

from rnnbench.files import read_json
from rnnbench.repro.display import Display
from rnnbench.repro.local import LocalWorkers
from rnnbench.repro.reproduce import SECONDS_FILE, default_jobs, reproduce, work_off
from rnnbench.repro.schedule import Schedule
from tests.repro.repository import make_repository, recorded

SCRIPT = """
from pathlib import Path
from rnnbench.errors import reports_errors
from rnnbench.repro.reproduce import reproduce
reports_errors(lambda: reproduce(Path.cwd(), jobs=2))()
"""
# On Ctrl-C it cleans up and fails, as a training does; what it leaves running ignores Ctrl-C.
SLOW = "trap 'touch cleaned; exit 1' INT; sleep 60 & echo $! > pid; touch begun; wait"


@pytest.fixture(autouse=True)
def without_preforking(monkeypatch: pytest.MonkeyPatch) -> None:
    """These stages need no TensorFlow."""
    monkeypatch.setenv("KERAS_BACKEND", "jax")


def wait_until(happened: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def runs(root: Path) -> bool:
    """Return whether what the slow stage started still runs."""
    try:
        os.kill(int((root / "pid").read_text()), 0)
    except ProcessLookupError:
        return False
    return True


def start(script: str, folder: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # A shell that runs the tests in the background makes its children ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )


def test_stages_run_side_by_side(tmp_path: Path) -> None:
    meet = "touch {0} {0}2; for i in $(seq 99); do test -e {1}2 && exit 0; sleep 0.3; done; exit 1"
    stages = {a: {"cmd": meet.format(a, b), "outs": [a]} for a, b in ("ab", "ba")}
    assert reproduce(make_repository(tmp_path, stages), jobs=2)


def test_nothing_runs_beside_a_stage_that_runs_alone(tmp_path: Path) -> None:
    # Each notes when it runs.
    command = "date +%s.%N > {0}; sleep 0.5; date +%s.%N >> {0}"
    stages = {
        name: {"cmd": command.format(name), "outs": [name], "meta": {"alone": name == "alone"}}
        for name in ("a", "b", "alone")
    }
    root = make_repository(tmp_path, stages)
    assert reproduce(root, jobs=3)
    times = {name: list(map(float, (root / name).read_text().split())) for name in stages}
    begun, ended = times.pop("alone")
    assert all(other[1] < begun or ended < other[0] for other in times.values())


def test_the_stage_that_took_longest_elsewhere_begins_first_on_a_first_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stages = {name: {"cmd": f"echo {name} >> order; touch {name}", "outs": [name]} for name in "ab"}
    root = make_repository(tmp_path, stages)
    elsewhere = {"a": 1000.0, "b": 2600.0, "never-here": 1.0}
    assert reproduce(root, jobs=1, seconds_elsewhere=elsewhere)
    assert (root / "order").read_text() == "b\na\n"
    assert "[1/2] b, about 1:00:00 left" in capsys.readouterr().out
    assert set(read_json(root / SECONDS_FILE)) == {"a", "b"}


def test_kinds_that_are_left_out_do_not_run_and_what_needs_them_does(tmp_path: Path) -> None:
    stages = {
        "time": {"cmd": "echo 1 > results/times", "outs": ["results/times"]},
        "evaluate": {
            "cmd": "mkdir -p results; echo 1 > results/scores",
            "outs": ["results/scores"],
        },
        "compare": {"cmd": "ls results > table", "deps": ["results"], "outs": ["table"]},
    }
    root = make_repository(tmp_path, stages)
    assert reproduce(root, jobs=2, leave_out=["time"])
    assert (root / "table").read_text() == "scores\n"
    assert reproduce(root, jobs=2)
    assert (root / "table").read_text() == "scores\ntimes\n"


def test_the_lock_is_what_dvc_repro_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stages = {
        "prepare": {"cmd": "echo a > a", "params": ["views", "seed"], "outs": ["a"]},
        "train": {"cmd": "mkdir -p m && echo 1 > m/x", "deps": ["a"], "outs": ["m"]},
        "evaluate": {
            "cmd": "echo '{}' > metrics.json",
            "deps": ["m"],
            "metrics": [{"metrics.json": {"cache": False}}],
        },
    }
    ours, theirs = (make_repository(tmp_path / name, stages) for name in ("ours", "theirs"))
    for root in (ours, theirs):
        (root / "params.yaml").write_text("views: {long: 1e-5, text: 'off'}\nseed: 42\n")
    assert reproduce(ours, jobs=1)
    monkeypatch.chdir(theirs)
    with Repo() as repo:
        repo.reproduce()
    assert (ours / "dvc.lock").read_text() == (theirs / "dvc.lock").read_text()
    capsys.readouterr()
    assert reproduce(ours, jobs=2)
    assert capsys.readouterr().out == "everything is up to date\n"


def test_a_failure_stops_what_depends_on_it_and_any_output_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stages = {
        "prepare": {"cmd": "touch b", "outs": ["b"]},
        "train": {"cmd": r"printf 'caf\351 failed\n'; touch a; false", "outs": ["a"]},
        "evaluate": {"cmd": "touch c", "deps": ["a"], "outs": ["c"]},
        "compare": {"cmd": "touch d", "deps": ["b", "c"], "outs": ["d"]},
    }
    root = make_repository(tmp_path, stages)
    (root / "c").touch()  # of an earlier run
    assert not reproduce(root, jobs=2)
    assert recorded(root) == {"prepare", "compare"}
    output = capsys.readouterr().out
    assert "[1/4] " in output
    assert "caf\N{REPLACEMENT CHARACTER} failed" in output
    assert "exited with 1" in output
    assert "train failed after" in output
    assert "not run, because a stage they need failed: evaluate" in output


def test_a_worker_that_is_killed_is_a_failed_stage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stages = {
        "killed": {"cmd": "touch a; kill -9 $PPID", "outs": ["a"]},
        "other": {"cmd": "sleep 0.5; touch b", "outs": ["b"]},
    }
    assert not reproduce(make_repository(tmp_path, stages), jobs=2)
    assert recorded(tmp_path) == {"other"}
    assert "killed failed after" in capsys.readouterr().out


def test_an_exception_in_a_worker_interrupts_the_others_and_is_raised(tmp_path: Path) -> None:
    root = make_repository(tmp_path, {"slow": {"cmd": SLOW, "outs": ["s"]}})

    class Broken(LocalWorkers):
        def run(self, stage: str) -> tuple[bool, str]:
            if stage == "slow":
                return super().run(stage)
            wait_until((root / "begun").exists)
            raise OSError("no process can be started")

    schedule = Schedule(["slow", "train"], {"slow": (), "train": ()}, {})
    with pytest.raises(OSError, match="no process can be started"):
        work_off(schedule, Broken(root, {}), 2, Display(schedule, 2))
    assert (root / "cleaned").exists()
    wait_until(lambda: not runs(root))


@pytest.mark.parametrize(
    "change", ["echo new >> code/b.py", "touch code/c.py", "echo 'rate: 2' > params.yaml"]
)
def test_a_stage_whose_dependencies_change_while_it_runs_is_not_recorded(
    change: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    once = f"test -e changed || {{ {change}; touch changed; }}; date +%N > out"
    stage = {"cmd": once, "deps": ["code"], "params": ["rate"], "outs": ["out"]}
    root = make_repository(tmp_path, {"train": stage})
    (root / "code").mkdir()
    (root / "code" / "a.py").write_text("old")
    (root / "code" / "b.py").write_text("old")
    (root / "params.yaml").write_text("rate: 1\n")
    assert not reproduce(root, jobs=1)
    assert recorded(root) == set()
    name = {"echo": "code/b.py", "touc": "code/c.py"}[change[:4]]
    name = "rate in params.yaml" if "rate" in change else name
    assert f"not recorded, because {name} changed while train ran" in capsys.readouterr().out
    first = (root / "out").read_text()
    assert reproduce(root, jobs=1)
    assert (root / "out").read_text() != first, "DVC's run cache does not have it either"


def test_the_search_path_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), "/a/folder/of/mine"]))
    monkeypatch.setenv("PYTHONPATH", path)
    root = make_repository(tmp_path, {"a": {"cmd": "echo $PYTHONPATH > a", "outs": ["a"]}})
    assert reproduce(root, jobs=1)
    assert (root / "a").read_text().strip() == f"{root / 'src'}{os.pathsep}{path}"


def test_a_repository_that_another_program_locks_is_waited_for(tmp_path: Path) -> None:
    root = make_repository(tmp_path, {"a": {"cmd": "touch a", "outs": ["a"]}})
    script = (
        "import pathlib, time; from dvc.repo import Repo, lock_repo\n"
        "with Repo() as repo, lock_repo(repo):\n"
        "    pathlib.Path('locked').touch(); time.sleep(5)"  # DVC itself gives up after three
    )
    with start(script, root) as holder:
        wait_until((root / "locked").exists)
        assert reproduce(root, jobs=1)
        assert holder.poll() is not None


def test_a_stage_that_another_program_runs_is_waited_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_repository(
        tmp_path, {"a": {"cmd": "touch begun; sleep 2; date > a", "outs": ["a"]}}
    )
    with start("from dvc.repo import Repo; Repo().reproduce()", root):
        wait_until((root / "begun").exists)
        assert reproduce(root, jobs=1)
    output = capsys.readouterr().out
    assert "is busy, it is being blocked by" in output
    assert output.endswith("everything is up to date\n")


def test_ctrl_c_ends_the_stages_and_keeps_what_has_finished(tmp_path: Path) -> None:
    stages = {"a": {"cmd": "touch a", "outs": ["a"]}, "slow": {"cmd": SLOW, "outs": ["s"]}}
    root = make_repository(tmp_path, stages)
    with start(SCRIPT, root) as process:
        wait_until(lambda: (root / "begun").exists() and recorded(root) == {"a"})
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=20)
    assert process.returncode == 130
    assert output.endswith("interrupted: no partial result was kept\n")
    assert (root / "cleaned").exists()
    assert recorded(root) == {"a"}
    wait_until(lambda: not runs(root))


def test_when_the_command_is_killed_its_stages_end(tmp_path: Path) -> None:
    root = make_repository(tmp_path, {"slow": {"cmd": SLOW, "outs": ["s"]}})
    with start(SCRIPT, root) as process:
        wait_until((root / "begun").exists)
        process.kill()
    wait_until((root / "cleaned").exists)
    wait_until(lambda: not runs(root))
    assert recorded(root) == set()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity to be set")
def test_jobs_are_the_cores_that_the_process_may_use() -> None:
    script = (
        "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])\n"
        "from rnnbench.repro.reproduce import default_jobs; print(default_jobs())"
    )
    assert subprocess.check_output([sys.executable, "-c", script], text=True) == "1\n"


@pytest.mark.parametrize(
    ("files", "jobs"),
    [
        ({}, 4),
        ({"cpu.max": "max 100000"}, 4),
        ({"cpu.max": "150000 100000"}, 2),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 4),
        ({"cpu/cpu.cfs_quota_us": "100000", "cpu/cpu.cfs_period_us": "100000"}, 1),
    ],
)
def test_the_quota_of_a_container_counts(
    files: dict[str, str], jobs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = {f"/sys/fs/cgroup/{name}": text for name, text in files.items()}
    monkeypatch.setattr(context, "open", lambda name: io.StringIO(contents[name]), raising=False)
    monkeypatch.setattr(os.path, "exists", contents.__contains__)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(64), raising=False)
    assert default_jobs() == jobs
