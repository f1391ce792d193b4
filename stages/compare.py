"""Stage `compare@SUITE`: put a suite's experiments into one table."""

import click

from rnnbench.errors import reports_errors
from rnnbench.params import load_params
from rnnbench.reporting.compare import compare


@click.command()
@click.argument("suite")
@reports_errors
def main(suite: str) -> None:
    """Compare the experiments of `suite` into comparisons/."""
    compare(suite, load_params())


if __name__ == "__main__":
    main()
