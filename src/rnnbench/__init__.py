"""A reproducible comparison of recurrent networks."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rnnbench.loading import LoadedExperiment


def load(name: str, rev: str | None = None, repository: Path | None = None) -> "LoadedExperiment":
    """Load the results of an experiment, in the workspace or in a commit.

    Parameters
    ----------
    name : str
        An experiment of `params.yaml`.
    rev : str or None, default None
        A commit, branch or tag; None for the workspace.
    repository : Path or None, default None
        A folder of the repository, by default the working directory.

    Returns
    -------
    LoadedExperiment
        With `scores`, `history`, `predictions`, `model` and `seeds`, each read on first access; a
        part that is not available raises RnnbenchError.

    Raises
    ------
    RnnbenchError
        If the commit or the experiment does not exist.

    Examples
    --------
    >>> import rnnbench
    >>> rnnbench.load("imdb-lstm").scores["accuracy"]  # doctest: +SKIP
    >>> rnnbench.load("imdb-lstm", rev="HEAD~1").history  # doctest: +SKIP
    """
    from rnnbench.loading import load_experiment

    return load_experiment(name, rev, repository)
