"""Stage `train@EXPERIMENT`: train one experiment, one run per seed."""

import click
import own_source  # noqa: F401

from rnnbench.errors import reports_errors
from rnnbench.models.backend import import_keras
from rnnbench.params import load_params
from rnnbench.switched_off import write_no_runs


@click.command()
@click.argument("experiment")
@reports_errors
def main(experiment: str) -> None:
    """Train `experiment` and write its runs to runs/ and its results to results/."""
    params = load_params()
    facts = params.experiments[experiment]
    if not facts.seeds:
        write_no_runs(f"{facts.suite}/{experiment}")
        return
    import_keras()
    from rnnbench.models.fast import share_cores
    from rnnbench.training.experiment import train_experiment

    if params.compiled_loops:
        share_cores()
    train_experiment(experiment, params)


if __name__ == "__main__":
    main()
