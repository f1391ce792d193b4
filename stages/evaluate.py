"""Stage `evaluate@EXPERIMENT`: score one experiment's runs on the test split."""

import click

from rnnbench.errors import reports_errors
from rnnbench.models.backend import import_keras
from rnnbench.params import load_params


@click.command()
@click.argument("experiment")
@reports_errors
def main(experiment: str) -> None:
    """Evaluate `experiment` into results/."""
    import_keras()
    from rnnbench.evaluation.experiment import evaluate_experiment

    evaluate_experiment(experiment, load_params())


if __name__ == "__main__":
    main()
