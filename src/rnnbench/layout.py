"""Where the pipeline's files are: folders from the repository's root, names within them."""

from pathlib import Path

# fetch
RAW_FOLDER = Path("data/raw")  # / DATASET
PROVENANCE_FILE = "provenance.json"

# prepare
PREPARED_FOLDER = Path("data/prepared")  # / VIEW / fit or test
FIT_FOLDER = "fit"
TEST_FOLDER = "test"
MANIFEST_FILE = "manifest.json"
VOCABULARY_FILE = "vocabulary.json"  # of text; also beside a model

# train
RUNS_FOLDER = Path("runs")  # / SUITE / EXPERIMENT / seed-N
MODEL_FILE = "model.keras"
RECORD_FILE = "run.json"
SYSTEM_METRICS_FILE = "system_metrics.csv"
INPUT_EXAMPLE_FILE = "input_example.npy"

# train and evaluate
RESULTS_FOLDER = Path("results")  # / SUITE / EXPERIMENT
HISTORY_FILE = "history.csv"
TIMING_FILE = "timing.json"
METRICS_FILE = "metrics.json"
SCORES_FILE = "scores.json"
DETAILS_FILE = "details.csv"
CONFUSION_FILE = "confusion_matrix.csv"
FIGURES_FOLDER = "figures"
PREDICTIONS_FOLDER = "predictions"

# compare
COMPARISONS_FOLDER = Path("comparisons")  # / SUITE
TABLE_FILE = "table.csv"
MARKDOWN_FILE = "table.md"
FIGURE_FILE = "comparison.png"

# layers
LAYERS_FOLDER = "layers"  # of the comparisons

# report
REPORT_FOLDER = Path("report")
REPORT_FILE = "index.html"
CLAIMS_FILE = "claims.csv"
REPRODUCTION_FILE = "reproduction.csv"


def seed_folder(seed: int) -> str:
    """Return what the folder, or the entry, of a run with this seed is called."""
    return f"seed-{seed}"
