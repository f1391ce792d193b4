"""The process that runs a task in a clone on a node: `python -m … PARENT ANSWER`.

It reads the task as JSON from standard input and writes its answer into the file ANSWER. If the
process PARENT is killed, it ends, together with the stages that it runs.
"""

import json
import re
import shutil
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from dvc.dvcfile import LOCK_FILE
from dvc.repo import lock_repo
from dvc.utils.serialize import dumps_yaml, load_yaml

from rnnbench.errors import INTERRUPTED
from rnnbench.files import write_json, write_text
from rnnbench.repro.cluster.exchange import Exchange, ExchangeError, as_cached
from rnnbench.repro.local import LocalWorkers
from rnnbench.repro.preforked.server import preforked_python
from rnnbench.repro.worker import end_with
from rnnbench.tracking.store import ARTIFACTS

# DVC's message on a command that was ended by SIGKILL, usually because memory ran out.
KILLED = re.compile(r"exited with (?:-9|137)$")


def perform(root: Path, task: Mapping[str, Any]) -> dict[str, Any]:
    """Run the stages of a task one after another, and send their outputs to the exchange.

    Parameters
    ----------
    root : Path
        The clone.
    task : mapping
        `stages`, in order; `inputs`, the entries in `dvc.lock` of the stages that they need;
        `exchange`, its name and address; and `cache`, the folder of the node's DVC cache.

    Returns
    -------
    dict
        `outcomes`: for each stage that ran, whether it succeeded, and its output; `entries`: the
        entries in `dvc.lock` of the stages that succeeded; `not_handed_over`, with the reason, if
        the exchange could not be reached; `lost`, with the reason, if a stage was killed.
    """
    exchange = Exchange(**task["exchange"])
    _configure(root, exchange, task["cache"])
    write_text(root / LOCK_FILE, dumps_yaml({"schema": "2.0", "stages": task["inputs"]}))
    with exchange.open(root) as repo:
        exchange.receive(repo, task["inputs"].values())
        with lock_repo(repo):
            for entry in task["inputs"].values():
                as_cached(repo, entry).checkout(force=True)
    outcomes = _run(root, task["stages"])
    succeeded, output = outcomes[list(outcomes)[-1]]
    if not succeeded and KILLED.search(output.strip()):
        return {"lost": output.strip()}
    recorded = load_yaml(root / LOCK_FILE)["stages"]
    answer: dict[str, Any] = {
        "outcomes": outcomes,
        "entries": {stage: recorded[stage] for stage, (done, _) in outcomes.items() if done},
    }
    try:
        with exchange.open(root) as repo:
            exchange.send(repo, answer["entries"].values())
    except ExchangeError as error:
        return {**answer, "not_handed_over": str(error)}
    _clear(root, answer["entries"])
    return answer


def _configure(root: Path, exchange: Exchange, cache: str) -> None:
    """Configure the exchange in the clone, and the cache that all clones of the node share."""
    remote = f"['remote \"{exchange.name}\"']\n    url = {exchange.url}\n"
    write_text(root / ".dvc" / "config.local", f"[cache]\n    dir = {cache}\n{remote}")


def _run(root: Path, stages: list[str]) -> dict[str, tuple[bool, str]]:
    outcomes: dict[str, tuple[bool, str]] = {}
    with preforked_python(root) as python, ThreadPoolExecutor(1) as thread:
        workers = LocalWorkers(root, python)
        try:
            for stage in stages:
                outcomes[stage] = thread.submit(workers.run, stage).result()
                if not outcomes[stage][0]:
                    break
        except BaseException:
            workers.interrupt()
            raise
    return outcomes


def _clear(root: Path, entries: Mapping[str, Any]) -> None:
    """Remove outputs that the exchange has, which stay in the node's cache.

    The models in the clone's own MLflow store are removed too: the driver logs them from the files.
    """
    shutil.rmtree(root / ARTIFACTS, ignore_errors=True)
    for entry in entries.values():
        for output in entry["outs"]:
            path = root / output["path"]
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)


def main(parent: int, answer: Path) -> int:
    """Run the task that standard input names; return the exit code."""
    threading.Thread(target=end_with, args=[parent], daemon=True).start()
    try:
        write_json(answer, perform(Path.cwd(), json.load(sys.stdin)))
    except KeyboardInterrupt:
        return INTERRUPTED
    except ExchangeError as error:
        print(f"not started: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), Path(sys.argv[2])))
