"""Stage `fetch@DATASET`: fetch a data set."""

import click
import own_source  # noqa: F401

from rnnbench.data.fetch import fetch
from rnnbench.errors import reports_errors
from rnnbench.params import load_params


@click.command()
@click.argument("dataset")
@reports_errors
def main(dataset: str) -> None:
    """Fetch `dataset` into data/raw/."""
    fetch(dataset, load_params())


if __name__ == "__main__":
    main()
