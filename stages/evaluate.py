"""Stage `evaluate@EXPERIMENT`: score one experiment's runs on the test split."""

import click
import own_source  # noqa: F401

from rnnbench.errors import reports_errors
from rnnbench.models.backend import import_keras
from rnnbench.switched_off import is_switched_off, write_no_scores


@click.command()
@click.argument("experiment", metavar="SUITE/EXPERIMENT")
@click.argument("view")
@reports_errors
def main(experiment: str, view: str) -> None:
    """Evaluate the runs of an experiment on its test split and write the scores to results/."""
    if is_switched_off(experiment):
        write_no_scores(experiment)
        return
    import_keras()
    from rnnbench.evaluation.experiment import evaluate_experiment

    evaluate_experiment(experiment, view)


if __name__ == "__main__":
    main()
