"""Stage `report`: write the report on all suites."""

import click

from rnnbench.errors import reports_errors
from rnnbench.params import load_params
from rnnbench.reporting.report import write_report


@click.command()
@reports_errors
def main() -> None:
    """Write report/index.html."""
    write_report(load_params())


if __name__ == "__main__":
    main()
