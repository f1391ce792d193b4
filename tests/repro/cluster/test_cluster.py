"""Experiments on real Ray nodes: what comes back, and what happens when something fails."""

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest
from dvc.repo import Repo
from dvc.utils.serialize import load_yaml
from mlflow import MlflowClient
from ruamel.yaml import YAML

from rnnbench.demo import lay_out, only, write_params
from rnnbench.errors import RnnbenchError
from rnnbench.repro.cluster import exchange, workers
from rnnbench.repro.cluster.merge import merge
from rnnbench.repro.cluster.place import Cluster
from rnnbench.repro.reproduce import reproduce
from rnnbench.tracking.runs import RUN_TAG
from tests.repro.cluster.nodes import Nodes, commit, make_repository, processes_in
from tests.repro.repository import recorded
from tests.small_budget import shrink, time_only

pytestmark = [pytest.mark.slow, pytest.mark.cluster]

DRIVER = """
import sys
from pathlib import Path
from rnnbench.errors import reports_errors
from rnnbench.repro.cluster.place import Cluster
from rnnbench.repro.reproduce import reproduce
reports_errors(lambda: sys.exit(not reproduce(Path.cwd(), 1, cluster=Cluster(*sys.argv[1:]))))()
"""
# Variables that name folders of a node, or count shells.
OF_THE_PLACE = {"HOME", "PWD", "OLDPWD", "DVC_ROOT", "RNNBENCH_NODE_FOLDER", "SHLVL", "_"}


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """The exchange of a test, the only folder that its driver and the nodes share."""
    folder = tmp_path / "exchange"
    folder.mkdir()
    return folder


def pipeline(train: str, *names: str, evaluate: str = "wc -l < model-{0} > score-{0}") -> Any:
    """Return stages that prepare one view, and train and evaluate experiments."""
    metrics = " && echo '{{\"a\": 1}}' > metrics-{0}.json"
    each = {"foreach": list(names)}
    return {
        "prepare": {"cmd": "echo view > view", "outs": ["view"]},
        "train": {
            **each,
            "do": {
                "cmd": train.format("${item}"),
                "deps": ["view", "src"],
                "params": ["rate"],
                "outs": ["model-${item}"],
            },
        },
        "evaluate": {
            **each,
            "do": {
                "cmd": (evaluate + metrics).format("${item}"),
                "deps": ["model-${item}"],
                "outs": ["score-${item}"],
                "metrics": [{"metrics-${item}.json": {"cache": False}}],
            },
        },
        "compare": {
            "cmd": "cat score-* > table",
            "deps": [f"score-{name}" for name in names],
            "outs": ["table"],
        },
    }


def repository(root: Path, stages: Any) -> Path:
    return make_repository(root, stages, {"src/code": "code\n", "params.yaml": "rate: 1e-5\n"})


def on(nodes: Nodes, shared: Path, **options: Any) -> Cluster:
    return Cluster(nodes.cluster.address, str(shared), **options)


def status(root: Path) -> Any:
    with Repo(str(root)) as repo:
        return repo.status()


def wait_until(happened: Callable[[], bool], seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.1)


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


@contextmanager
def driver(root: Path, cluster: Cluster) -> Iterator["subprocess.Popen[str]"]:
    """A driver in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-c", DRIVER, cluster.address, str(cluster.exchange)],
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # A shell that runs the tests in the background makes its children ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_results_and_lock_are_those_of_one_machine(
    nodes: Nodes, shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stages = pipeline("cat src/code view > model-{0}; echo {0} >> model-{0}", "x", "y")
    here = repository(tmp_path / "here", stages)
    there = repository(tmp_path / "there", stages)
    assert reproduce(here, 1)
    capsys.readouterr()
    assert reproduce(there, 1, cluster=on(nodes, shared))
    output = capsys.readouterr().out
    assert re.search("train@x on (north|south)\n", output)
    assert status(there) == {}
    locks = [load_yaml(root / "dvc.lock")["stages"] for root in (here, there)]
    assert locks[0] == locks[1]
    for name in ("model-x", "score-y", "metrics-x.json", "table"):
        assert (here / name).read_text() == (there / name).read_text()
    ignored = [sorted(lines(root / ".gitignore")) for root in (here, there)]
    assert ignored[0] == ignored[1]
    assert reproduce(there, 1, cluster=on(nodes, shared))
    assert capsys.readouterr().out == "everything is up to date\n"


def test_the_environment_of_a_stage_is_that_of_one_machine(
    nodes: Nodes, shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Variables that Ray and earlier tests of this process have set; the nodes started without them.
    set_here = [name for name in os.environ if name.startswith("MLFLOW_")]
    for name in ("OMP_NUM_THREADS", "PYTHONBREAKPOINT", *set_here):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")  # which the nodes were started without
    stages = pipeline("env > model-{0}", "x")
    found = []
    for name, cluster in (("here", None), ("there", on(nodes, shared))):
        root = repository(tmp_path / name, stages)
        monkeypatch.chdir(root)
        assert reproduce(root, 1, cluster=cluster)
        variables = dict(line.split("=", 1) for line in lines(root / "model-x") if "=" in line)
        folder = variables["DVC_ROOT"]
        found.append({k: v.replace(folder, "") for k, v in variables.items()})
    assert not Path(folder).is_relative_to(tmp_path)
    assert Path(folder).is_relative_to(nodes.folder)
    here, there = ({k: v for k, v in one.items() if k not in OF_THE_PLACE} for one in found)
    binaries = f"{Path(sys.executable).parent}{os.pathsep}"
    assert there.pop("PATH") == binaries + here.pop("PATH")
    # pytest changes its own, and those of Ray are the driver's.
    ours = {k: v for k, v in here.items() if not k.startswith(("PYTEST_", "RAY_"))}
    assert {k: v for k, v in there.items() if not k.startswith("PYTEST_")} == ours
    assert there["TF_ENABLE_ONEDNN_OPTS"] == "0"


def test_a_stage_that_fails_runs_once_and_stops_only_what_depends_on_it(
    nodes: Nodes, shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    counted = (
        f"echo {{0}} >> {tmp_path}/starts; echo said by {{0}}; touch model-{{0}}; test {{0}} = x"
    )
    root = repository(tmp_path / "repository", pipeline(counted, "x", "y"))
    assert not reproduce(root, 1, cluster=on(nodes, shared))
    assert sorted(lines(tmp_path / "starts")) == ["x", "y"]
    assert {"train@x", "evaluate@x"} <= recorded(root)
    assert not {"train@y", "evaluate@y"} & recorded(root)
    output = capsys.readouterr().out
    assert "said by y" in output
    assert "train@y failed after" in output
    assert "not run, because a stage they need failed: evaluate@y" in output


def test_an_evaluation_that_fails_leaves_the_training(
    nodes: Nodes, shared: Path, tmp_path: Path
) -> None:
    root = repository(
        tmp_path / "repository", pipeline("touch model-{0}", "x", evaluate="test -e {0}")
    )
    assert not reproduce(root, 1, cluster=on(nodes, shared))
    assert "train@x" in recorded(root)
    assert "evaluate@x" not in recorded(root)
    assert (root / "model-x").exists()


def test_an_experiment_whose_node_dies_is_done_on_the_other(
    nodes: Nodes, shared: Path, tmp_path: Path
) -> None:
    hangs = (
        f"echo $PWD >> {tmp_path}/starts; test -e {tmp_path}/dead || sleep 600; pwd > model-{{0}}"
    )
    root = repository(tmp_path / "repository", pipeline(hangs, "x"))
    results: list[bool] = []
    cluster = on(nodes, shared)
    thread = threading.Thread(target=lambda: results.append(reproduce(root, 1, cluster=cluster)))
    thread.start()
    wait_until(lambda: bool(lines(tmp_path / "starts")))
    first = Path(lines(tmp_path / "starts")[0])
    name = first.relative_to(nodes.folder).parts[0]
    (tmp_path / "dead").touch()
    nodes.kill(name)
    wait_until(lambda: not processes_in(nodes.folder / name), 30.0)
    thread.join()
    assert results == [True]
    starts = [Path(line).relative_to(nodes.folder).parts[0] for line in lines(tmp_path / "starts")]
    assert sorted(starts) == ["north", "south"]
    assert status(root) == {}


def test_processes_that_are_killed_begin_again_twice_and_no_more(
    nodes: Nodes, shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # The stage itself as the system does when memory is short, then the process of Ray.
    parent = "$(ps -o ppid= -p {})"
    of_ray = parent.format(parent.format("$PPID"))
    dies = (
        f"echo {{0}} >> {tmp_path}/starts; touch left-over; n=$(grep -c {{0}} {tmp_path}/starts);"
        f" if [ {{0}} = y ] || [ $n = 1 ]; then kill -9 $$; fi;"
        f" if [ $n = 2 ]; then kill -9 {of_ray}; sleep 600; fi;"
        " touch model-{0}"
    )
    root = repository(tmp_path / "repository", pipeline(dies, "x", "y"))
    assert not reproduce(root, 1, cluster=on(nodes, shared))
    assert sorted(lines(tmp_path / "starts")) == ["x"] * 3 + ["y"] * 3
    assert "train@x" in recorded(root)
    assert "train@y" not in recorded(root)
    assert "given up after 3 starts" in capsys.readouterr().out
    wait_until(lambda: not processes_in(nodes.folder / "north"), 30.0)
    wait_until(lambda: not processes_in(nodes.folder / "south"), 30.0)


def test_after_its_driver_ended_a_run_goes_on_and_trains_nothing_twice(
    nodes: Nodes, shared: Path, tmp_path: Path
) -> None:
    hangs = (
        f"echo {{0}} >> {tmp_path}/starts; test {{0}} = x -o -e {tmp_path}/go || sleep 600;"
        " touch model-{0}"
    )
    root = repository(tmp_path / "repository", pipeline(hangs, "x", "y"))

    def starts(name: str) -> int:
        return lines(tmp_path / "starts").count(name)

    with driver(root, on(nodes, shared)) as killed:
        wait_until(lambda: starts("y") == 1 and "train@x" in recorded(root))
        killed.kill()
        wait_until(lambda: not processes_in(nodes.folder), 40.0)
    with driver(root, on(nodes, shared)) as interrupted:
        wait_until(lambda: starts("y") == 2)
        interrupted.send_signal(signal.SIGINT)
        output, _ = interrupted.communicate(timeout=60)
        assert interrupted.returncode == 130
        assert output.endswith("interrupted: no partial result was kept\n")
        wait_until(lambda: not processes_in(nodes.folder), 40.0)
    assert "train@y" not in recorded(root)
    (tmp_path / "go").touch()
    assert reproduce(root, 1, cluster=on(nodes, shared))
    assert (starts("x"), starts("y")) == (1, 3)
    assert status(root) == {}


def test_what_was_made_with_other_sources_is_refused_and_nothing_changes(
    nodes: Nodes, shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edited = tmp_path / "repository"
    edits = f"if [ {{0}} = x ]; then echo new > {edited}/src/new; fi; sleep 1; touch model-{{0}}"
    root = repository(edited, pipeline(edits, "x"))
    (root / "model-x").write_text("of an earlier run")
    assert not reproduce(root, 1, cluster=on(nodes, shared))
    assert "refused, because src/new changed while it ran" in capsys.readouterr().out
    assert recorded(root) == {"prepare"}
    assert (root / "model-x").read_text() == "of an earlier run"


def test_parameters_that_change_meanwhile_are_named_too(
    nodes: Nodes, shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edited = tmp_path / "repository"
    edits = f"echo 'rate: 2' > {edited}/params.yaml; touch model-{{0}}"
    root = repository(edited, pipeline(edits, "x"))
    assert not reproduce(root, 1, cluster=on(nodes, shared))
    assert "refused, because rate in params.yaml changed" in capsys.readouterr().out
    assert recorded(root) == {"prepare"}


def test_a_file_that_was_cut_off_in_the_exchange_is_refused_by_its_name(
    nodes: Nodes,
    shared: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    digest = hashlib.md5(b"whole\n", usedforsecurity=False).hexdigest()
    cut_off = shared / "files" / "md5" / digest[:2] / digest[2:]

    def cut_off_and_merge(*arguments: Any) -> None:
        cut_off.chmod(0o644)
        cut_off.write_text("who")
        merge(*arguments)

    monkeypatch.setattr(exchange, "PAUSES", ())
    root = repository(tmp_path / "repository", pipeline("echo whole > model-{0}", "x"))
    (root / "model-x").write_text("of an earlier run")
    with monkeypatch.context() as fault:
        fault.setattr(workers, "merge", cut_off_and_merge)
        assert not reproduce(root, 1, cluster=on(nodes, shared))
    output = capsys.readouterr().out
    assert f"lacks model-x, or its copy is damaged: see {cut_off}" in output
    assert recorded(root) == {"prepare"}
    assert (root / "model-x").read_text() == "of an earlier run"
    assert reproduce(root, 1, cluster=on(nodes, shared))
    assert (root / "model-x").read_text() == "whole\n"


def test_a_result_that_finds_no_exchange_stays_on_its_node_and_is_not_trained_again(
    nodes: Nodes, shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nodes.ensure(("north",))
    away = tmp_path / "away"
    unmounts = f"echo {{0}} >> {tmp_path}/starts; mv {shared} {away}; echo trained > model-{{0}}"
    root = repository(tmp_path / "repository", pipeline(unmounts, "x"))
    assert not reproduce(root, 1, cluster=on(nodes, shared))
    found = re.search(r"trained, but not merged: north, (\S+): ", capsys.readouterr().out)
    assert found
    assert (Path(found[1]) / "model-x").read_text() == "trained\n"
    assert recorded(root) == {"prepare"}
    away.rename(shared)
    assert reproduce(root, 1, cluster=on(nodes, shared))
    assert lines(tmp_path / "starts") == ["x"]
    assert (root / "model-x").read_text() == "trained\n"


def test_what_no_node_has_is_refused_at_once(nodes: Nodes, shared: Path, tmp_path: Path) -> None:
    root = repository(tmp_path / "repository", pipeline("touch model-{0}", "x"))
    with pytest.raises(
        RnnbenchError, match=r"no node of the cluster has 2 cores.*there is 1 cores"
    ):
        reproduce(root, 1, cluster=on(nodes, shared, cores=2))
    with pytest.raises(RnnbenchError, match="no node of the cluster has 1 cores, 1 GPUs"):
        reproduce(root, 1, cluster=on(nodes, shared, gpu_share=1.0))
    assert recorded(root) == set()


def test_two_experiments_share_a_gpu_and_the_third_waits(
    nodes: Nodes, shared: Path, tmp_path: Path
) -> None:
    nodes.add("pretender", num_cpus=4, num_gpus=1)
    # Each waits until another has begun beside it or has ended.
    meets = (
        f"cd {tmp_path}; echo begin {{0}} $CUDA_VISIBLE_DEVICES >> log;"
        " until [ $(grep -c begin log) -ge 2 ]; do sleep 0.1; done; sleep 2;"
        " echo end {0} >> log; cd - && touch model-{0}"
    )
    root = repository(tmp_path / "repository", pipeline(meets, "x", "y", "z"))
    assert reproduce(root, 1, ["train"], cluster=on(nodes, shared, gpu_share=0.5))
    events = [line.split() for line in lines(tmp_path / "log")]
    beside = list(accumulate(1 if event[0] == "begin" else -1 for event in events))
    assert (max(beside), len(events)) == (2, 6)
    assert {event[2] for event in events if event[0] == "begin"} == {"0"}


def test_a_driver_elsewhere_needs_the_address_and_the_token(
    nodes: Nodes, shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = repository(tmp_path / "repository", pipeline("touch model-{0}", "x"))
    cluster = Cluster(nodes.client, str(shared))
    with monkeypatch.context() as stranger:
        stranger.setenv("RAY_AUTH_TOKEN", "that-of-another-cluster-than-this-one")
        with driver(root, cluster) as process:
            output, _ = process.communicate(timeout=120)
        assert process.returncode == 1
        assert "error: no connection to the Ray cluster" in output
    with driver(root, cluster) as process:
        output, _ = process.communicate(timeout=180)
    assert process.returncode == 0, output
    assert status(root) == {}


def test_without_ray_the_error_says_how_to_install_it(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = repository(tmp_path / "repository", pipeline("touch model-{0}", "x"))
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(RnnbenchError, match="`make cluster-environment` installs it"):
        reproduce(root, 1, cluster=Cluster("auto", str(shared)))


def test_without_an_exchange_the_error_says_how_to_name_one(tmp_path: Path) -> None:
    root = repository(tmp_path / "repository", pipeline("touch model-{0}", "x"))
    with pytest.raises(RnnbenchError, match=r"no exchange is given: name with --exchange"):
        reproduce(root, 1, cluster=Cluster("auto"))
    with pytest.raises(RnnbenchError, match=r"'nowhere' is neither a DVC remote nor a folder"):
        reproduce(root, 1, cluster=Cluster("auto", "nowhere"))


def test_a_recurrent_network_scores_the_same_on_a_node(
    nodes: Nodes, root: Path, shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KERAS_BACKEND")
    content = YAML(typ="safe").load((root / "params.yaml").read_text())
    found = []
    for name, cluster in (("here", None), ("there", on(nodes, shared))):
        folder = tmp_path / name
        lay_out(root, folder)
        (folder / ".dvc" / "config.local").unlink()
        write_params(shrink(only(content, ["random-gru"])), folder / "params.yaml")
        time_only([], folder)
        commit(folder)
        assert reproduce(folder, 1, ["evaluate"], ["random-labels"], cluster=cluster)
        assert not {one for one in status(folder) if one.startswith(("train", "evaluate"))}
        monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)  # MLflow's own doing
        run = json.loads(next(folder.glob("runs/*/random-gru/*/run.json")).read_text())
        assert run["git_dirty"] is False
        metrics = next(folder.glob("results/*/random-gru/metrics.json")).read_text()
        history = next(folder.glob("results/*/random-gru/history.csv")).read_text()
        logged = MlflowClient(f"sqlite:///{folder}/mlflow.db").search_runs(["1"])
        tags = {one.data.tags.get(RUN_TAG) for one in logged}
        assert run["run_id"] in tags, "the nodes cannot reach a database in the driver's folder"
        found.append((metrics, history, run["source_digest"], run["kernels"]))
    assert found[0] == found[1]
