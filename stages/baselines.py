"""Stage `baselines@VIEW`: score the baselines of a view."""

import click
import own_source  # noqa: F401

from rnnbench.errors import reports_errors
from rnnbench.models.backend import import_keras


@click.command()
@click.argument("view")
@reports_errors
def main(view: str) -> None:
    """Fit the baselines of a view and write their test scores to results/baselines/."""
    import_keras()
    from rnnbench.baselines.scores import score_baselines

    score_baselines(view)


if __name__ == "__main__":
    main()
