"""Stage `baselines@VIEW`: score what a recurrent network has to beat."""

import click
import own_source  # noqa: F401

from rnnbench.errors import reports_errors
from rnnbench.models.backend import import_keras


@click.command()
@click.argument("view")
@reports_errors
def main(view: str) -> None:
    """Fit the baselines of a view and score them on its test split into results/baselines/."""
    import_keras()
    from rnnbench.baselines.scores import score_baselines

    score_baselines(view)


if __name__ == "__main__":
    main()
