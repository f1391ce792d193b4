"""Stage `members`: list the experiments of each suite."""

import click
import own_source  # noqa: F401

from rnnbench.comparison.members import write_members
from rnnbench.errors import reports_errors
from rnnbench.params import load_params


@click.command()
@reports_errors
def main() -> None:
    """Write the experiments of each suite to results/members/."""
    write_members(load_params())


if __name__ == "__main__":
    main()
