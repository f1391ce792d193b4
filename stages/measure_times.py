"""Stage `time@EXPERIMENT`: time one experiment's training steps.

The script is not called `time.py`, which would hide a module of the standard library.
"""

import click
import own_source  # noqa: F401

from rnnbench.errors import reports_errors
from rnnbench.switched_off import is_switched_off, write_no_times
from rnnbench.timing.experiment import time_experiment


@click.command()
@click.argument("experiment", metavar="SUITE/EXPERIMENT")
@click.argument("view")
@reports_errors
def main(experiment: str, view: str) -> None:
    """Time the training steps of an experiment on its view and write the times to results/."""
    if is_switched_off(experiment):
        write_no_times(experiment)
    else:
        time_experiment(experiment, view)


if __name__ == "__main__":
    main()
