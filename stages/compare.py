"""Stage `compare@SUITE`: put a suite's experiments into one table."""

import click
import own_source  # noqa: F401

from rnnbench.comparison.compare import compare
from rnnbench.comparison.literature import load_literature
from rnnbench.errors import reports_errors
from rnnbench.params import load_params


@click.command()
@click.argument("suite")
@reports_errors
def main(suite: str) -> None:
    """Compare the experiments of `suite` and write the tables to comparisons/."""
    params = load_params()
    compare(suite, params.suites[suite], load_literature().suite(suite), params.margin)


if __name__ == "__main__":
    main()
