"""The tags by which a sweep's runs are found in MLflow."""

from collections.abc import Sequence
from pathlib import Path

from rnnbench.params import Experiment
from rnnbench.tracking.runs import EXPERIMENT_TAG, RUN_TAG, connect, find_run
from rnnbench.tracking.sync import recorded_runs, sync

# The name of the sweep follows; the value of the tag is the name of the combination. A run can
# belong to several sweeps, because DVC trains equal values once.
SWEEP_TAG = "rnnbench.sweep"


def tag_runs(copy: Path, sweep: str, combination: str, experiments: Sequence[Experiment]) -> None:
    """Tag the runs of a combination on the tracking server; create those that it does not have.

    A server that does not answer is reported and stops nothing.
    """
    names = {one.name for one in experiments}
    try:
        sync(copy, names)
        client = connect()
        for run in recorded_runs(copy):
            if run.record["experiment"] in names:
                for tag, key in ((RUN_TAG, "run_id"), (EXPERIMENT_TAG, "experiment_id")):
                    found = find_run(client, run.record["suite"], tag, run.record[key])
                    if found:
                        client.set_tag(found.info.run_id, f"{SWEEP_TAG}.{sweep}", combination)
    except Exception as error:  # whatever a server, a database or a disk comes up with
        print(f"warning: runs of {combination} are not tagged in MLflow: {error}", flush=True)
