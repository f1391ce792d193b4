"""Stage `report`: write the report on all suites."""

import click
import own_source  # noqa: F401

from rnnbench.comparison.literature import load_literature
from rnnbench.comparison.report import write_report
from rnnbench.errors import reports_errors
from rnnbench.params import load_params


@click.command()
@reports_errors
def main() -> None:
    """Write report/index.html."""
    write_report(load_params(), load_literature())


if __name__ == "__main__":
    main()
