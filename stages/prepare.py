"""Stage `prepare@VIEW`: make a data set ready for training."""

import click
import own_source  # noqa: F401

from rnnbench.data.prepare import prepare
from rnnbench.errors import reports_errors
from rnnbench.params import load_params


@click.command()
@click.argument("view")
@reports_errors
def main(view: str) -> None:
    """Prepare `view` in data/prepared/."""
    prepare(view, load_params())


if __name__ == "__main__":
    main()
