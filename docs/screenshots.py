"""Look at the runs in MLflow's UI with a real browser and keep what it shows in docs/mlflow/.

    python -m pip install playwright && python -m playwright install chromium
    python -m docs.screenshots [--browser /usr/bin/chromium]

Shows the current directory's store; run it after `dvc repro` or `rnnbench track sync`.
"""

import re
import tempfile
import urllib.parse
from contextlib import ExitStack
from pathlib import Path

import click
from mlflow import MlflowClient
from mlflow.entities import Run
from playwright.sync_api import Page, sync_playwright

from rnnbench.tracking.runs import RUN_TAG, connect, model_of
from rnnbench.tracking.store import tracking_uri
from tests.tracking.servers import Server

FOLDER = Path(__file__).parent / "mlflow"
SUITE = "sentiment"
ACCURACY = "metrics.`test/accuracy`"
HIDDEN = ("Dataset", "Source", "Models")
COLUMNS = ("test/accuracy", "test/loss", "timing/epoch_seconds", "model.parameters")
SETTLED, SEARCHED = 5000, 2000  # milliseconds
WIDTH, HEIGHT = 1500, 900


def best_runs(client: MlflowClient, experiment: str) -> list[Run]:
    """Return the runs of one seed, those that did best on the test split first."""
    return list(
        client.search_runs([experiment], f"tags.`{RUN_TAG}` != ''", order_by=[f"{ACCURACY} DESC"])
    )


def pages(client: MlflowClient) -> dict[str, str]:
    """Return what is looked at: by the picture's name, the part of the address after the host."""
    found = client.get_experiment_by_name(SUITE)
    if found is None:
        raise SystemExit(f"no runs of {SUITE} here: run `rnnbench track sync` first")
    suite = found.experiment_id
    runs = best_runs(client, suite)
    order = urllib.parse.urlencode({"orderByKey": ACCURACY, "orderByAsc": "false"})
    of_run = f"#/experiments/{suite}/runs/{runs[0].info.run_id}"
    return {
        "runs": f"#/experiments/{suite}/runs?{order}",
        "comparison": f"#/experiments/{suite}/runs?{order}&compareRunsMode=CHART",
        "run": of_run,
        "charts": f"{of_run}/model-metrics",
        "system": f"{of_run}/system-metrics",
        "model": f"#/experiments/{suite}/models/{model_of(client, runs[0])}",
    }


def choose_columns(page: Page) -> None:
    """Let the table of runs show what a comparison is about."""
    page.get_by_role("button", name="Columns").click()
    for column in (*HIDDEN, *COLUMNS):
        page.get_by_placeholder("Search columns").fill(column)
        page.wait_for_timeout(SEARCHED)
        if (closed := page.locator("[class*=tree-switcher_close]")).count():
            closed.first.click()  # the group of metrics or of parameters
        # The search marks what it found within a name, so that a name may be several texts.
        name = re.compile(f"^{re.escape(column)}$")
        page.locator("[class*=tree-title]").filter(has_text=name).click()
    page.keyboard.press("Escape")
    page.get_by_role("heading", name="Runs").click()
    page.wait_for_timeout(SETTLED)


def show(page: Page, address: str) -> None:
    """Open an address and wait until what it shows no longer changes."""
    page.goto(address)
    page.wait_for_timeout(SETTLED)


@click.command()
@click.option("--browser", help="Path of a Chromium; by default Playwright's own.")
def main(browser: str | None) -> None:
    """Take the pictures."""
    FOLDER.mkdir(exist_ok=True)
    client = connect()
    with ExitStack() as running:
        log = Path(running.enter_context(tempfile.TemporaryDirectory())) / "log"
        store = ["server", "--backend-store-uri", tracking_uri(), "--workers", "1"]
        server = Server(store, log, "/health")
        running.callback(server.kill)
        server.start()
        address, playwright = server.uri, running.enter_context(sync_playwright())
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        page = chromium.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        show(page, f"{address}/#/experiments")
        page.get_by_text("Model training").first.click()
        for name, place in pages(client).items():
            show(page, f"{address}/{place}")
            if page.get_by_role("button", name="Close").count():
                page.get_by_role("button", name="Close").first.click()  # the assistant
            if name == "runs":
                choose_columns(page)
            if name == "charts":
                page.get_by_placeholder("Search metric charts").fill("train/|validation/|epoch_")
                page.wait_for_timeout(SETTLED)
            page.screenshot(path=FOLDER / f"{name}.png")
            print(FOLDER / f"{name}.png", flush=True)
        chromium.close()


if __name__ == "__main__":
    main()
