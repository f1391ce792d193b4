"""Stage `prepare@VIEW`: make a data set ready for training."""

import click

from rnnbench.data.views import prepare
from rnnbench.errors import reports_errors
from rnnbench.params import load_params


@click.command()
@click.argument("view")
@reports_errors
def main(view: str) -> None:
    """Prepare `view` into data/prepared/."""
    prepare(view, load_params())


if __name__ == "__main__":
    main()
