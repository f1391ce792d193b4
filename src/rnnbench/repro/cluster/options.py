"""The options of commands whose experiments can run on a Ray cluster."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--cluster",
        metavar="ADDRESS",
        help="Train and evaluate on a Ray cluster: `auto` on one of its machines, ray://HEAD:10001"
        " elsewhere.",
    ),
    click.option(
        "--exchange",
        help="With --cluster: a DVC remote or a folder that this machine and all nodes reach; by"
        " default DVC's default remote.",
    ),
    click.option(
        "--cores",
        type=click.IntRange(min=1),
        default=1,
        show_default=True,
        help="With --cluster: cores that Ray reserves for each experiment.",
    ),
    click.option(
        "--gpu-share",
        type=click.FloatRange(0, 1),
        help="With --cluster: share of a GPU for each experiment; by default as small as its memory"
        " allows.",
    ),
)


def takes_cluster(command: Command) -> Command:
    """Give a command the options `--cluster`, `--exchange`, `--cores` and `--gpu-share`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
