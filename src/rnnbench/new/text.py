"""`rnnbench new text`: classification of texts from a user's own file."""

from pathlib import Path

import numpy as np

from rnnbench.data.datasets.texts import KIND, LONGEST_TOKEN, Corpus, OwnTexts, read_corpus
from rnnbench.data.encoding import INDEX_FROM
from rnnbench.new.entries import add_entries, require_free
from rnnbench.new.suite import Suite, name_for, quoted, stored_path
from rnnbench.params import PARAMS_FILE, read_yaml

EMBEDDING_UNITS = 64
MOST_EPOCHS = 10  # with more, a network overfits few texts
UNITS = 64
LARGEST_VOCABULARY = 20_000
LONGEST_SEQUENCE = 200
SHARE_NOT_TRUNCATED = 0.95
ROUND_TO = 10
CLASSES_LISTED = 10


def new_text(
    root: Path,
    path: Path,
    name: str | None,
    settings: OwnTexts,
    validation_fraction: float,
) -> str:
    """Inspect a file of texts and add its data set, view and suite to `params.yaml`.

    Parameters
    ----------
    root : Path
        The repository.
    path : Path
        The table, or the folder with one folder per class.
    name : str or None
        Name of the suite and its view; None to derive it from the path.
    settings : OwnTexts
        Settings by which the file is read.
    validation_fraction : float
        Share of the training split that is held out.

    Returns
    -------
    str
        The findings, the file that was written and the commands to run next.

    Raises
    ------
    RnnbenchError
        If the file cannot be used or the name is taken; nothing is written then.
    """
    suite_name, params_file = name_for(name, path), root / PARAMS_FILE
    dataset = f"{KIND}-{suite_name}"
    require_free(
        read_yaml(params_file), {"files": [dataset], "views": [suite_name], "suites": [suite_name]}
    )
    corpus = read_corpus(settings.model_copy(update={"path": str(path)}))
    stored = settings.model_copy(update={"path": stored_path(path, root)})
    suite = _suite(suite_name, corpus, settings.test_fraction, validation_fraction)
    require_free(read_yaml(params_file), suite.names(dataset))
    params = add_entries(params_file, suite.blocks(dataset, _settings_lines(stored)))
    return "\n".join([*_findings(corpus), f"Written to {params_file}.", suite.next_steps(params)])


def _suite(name: str, corpus: Corpus, test_fraction: float, validation_fraction: float) -> Suite:
    counts = np.bincount(corpus.texts.values, minlength=len(corpus.words))
    repeated = int(np.sum(counts > 1))
    vocabulary = min(repeated + INDEX_FROM + 1, LARGEST_VOCABULARY)
    vocabulary = max(vocabulary, INDEX_FROM + 2)
    wanted = np.quantile(corpus.texts.lengths + 1, SHARE_NOT_TRUNCATED)  # with the start mark
    length = min(ROUND_TO * int(np.ceil(wanted / ROUND_TO)), LONGEST_SEQUENCE)
    train = len(corpus.labels) * (1.0 - test_fraction) * (1.0 - validation_fraction)
    view = (
        f"    vocabulary_size: {vocabulary}   # {len(corpus.words):,} different words,"
        f" {repeated:,} of them more than once\n"
        f"    sequence_length: {length}   # words of a text that are read, at its end;"
        f" the longest text has {corpus.texts.lengths.max():,}\n"
        f"    validation_fraction: {validation_fraction}   # share of the training split\n"
    )
    return Suite(
        name=name,
        title=f"Classes of {name}",
        view=view,
        units=UNITS,
        sequence_length=length,
        train_examples=int(train),
        most_epochs=MOST_EPOCHS,
        predict_from='"A new text"',
        weights=vocabulary * EMBEDDING_UNITS,
        before=(f"{{type: embedding, units: {EMBEDDING_UNITS}}}",),
    )


def _settings_lines(settings: OwnTexts) -> str:
    columns = ""
    if settings.text is not None and settings.label is not None:
        columns = (
            f"    text: {quoted(settings.text)}   # the column with the texts\n"
            f"    label: {quoted(settings.label)}   # the column with their classes\n"
        )
    return (
        f"    path: {quoted(settings.path)}\n{columns}"
        f"    test_fraction: {settings.test_fraction}   # of every class, drawn by split_seed\n"
        f"    split_seed: {settings.split_seed}\n"
        f"    repeated_texts: {settings.repeated_texts}   # or keep\n"
        f"    rare_classes: {settings.rare_classes}   # classes with fewer than 10 texts; or"
        f" {'refuse' if settings.rare_classes == 'leave_out' else 'leave_out'}\n"
    )


def _findings(corpus: Corpus) -> list[str]:
    """Describe the file in sentences."""
    counts = np.bincount(corpus.labels)
    classes = [
        f"{name} ({count:,})" for name, count in zip(corpus.class_names, counts, strict=True)
    ]
    more = f" and {len(classes) - CLASSES_LISTED} more" if len(classes) > CLASSES_LISTED else ""
    found = [
        f"{len(corpus.labels):,} texts in {len(classes)} classes:"
        f" {', '.join(classes[:CLASSES_LISTED])}{more}.",
        f"Half of them have at most {np.median(corpus.texts.lengths):.0f} words.",
    ]
    if corpus.describe():
        found.append(f"{corpus.describe()[0].upper()}{corpus.describe()[1:]}.")
    letters = np.mean([len(word) for word in corpus.words])
    if letters > LONGEST_TOKEN:
        found.append(
            f"Words have {letters:.0f} letters on average. They are separated at spaces, which"
            " these texts seem to lack, so that few words will be known."
        )
    return found
