"""Stage `train@EXPERIMENT`: train one experiment, a run for each seed."""

import click

from rnnbench.errors import reports_errors
from rnnbench.models.backend import import_keras
from rnnbench.params import load_params


@click.command()
@click.argument("experiment")
@reports_errors
def main(experiment: str) -> None:
    """Train `experiment` into runs/ and results/."""
    import_keras()
    from rnnbench.training.experiment import train_experiment

    train_experiment(experiment, load_params())


if __name__ == "__main__":
    main()
