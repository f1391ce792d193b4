"""What `history.csv` says of a training: one row per epoch, and which epoch's weights are kept."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

KEPT = "kept"  # 1 in the epoch whose weights the model has; absent where that is the last one


def kept_epochs(history: "pd.DataFrame") -> "pd.DataFrame":
    """Return the rows of the epochs whose weights the models have, one per seed.

    Parameters
    ----------
    history : DataFrame
        Of one run, or of several with the column `seed`.
    """
    if KEPT in history:
        return history[history[KEPT] == 1]
    return history.groupby("seed", sort=False).tail(1) if "seed" in history else history.tail(1)
