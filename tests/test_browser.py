"""The widgets of each lesson in a real browser: JupyterLab runs them, a slider moves, the picture changes.

How long that takes is printed, and written for the benchmark where `$COURSE_REDRAWS` names a file; only a hang fails.
"""

import json
import os
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from playwright.sync_api import Browser, Page

from course_utils.data.locate import COURSE_ROOT
from course_utils.tools.views import slides, tags
from tests import notebook_cells as notebooks
from tests.browsers import barriers, chromium

KERNEL = {"kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}}
DONE = "all cells have run"
EXPLORER = ".widget-vbox:has(.widget-html img):has(.noUi-handle, select)"
WITH_WIDGETS = [topic for topic in notebooks.TOPICS if notebooks.cells(topic, "widget")]

# Presses a key on a slider, or takes the next choice of a list, and waits until another picture stands in its explorer
# and is decoded; returns milliseconds.
MOVE = """async ([control, key]) => {
  const explorer = control.closest('.widget-vbox'), before = explorer.querySelector('img').src;
  const begin = performance.now();
  control.focus();
  if (control.tagName === 'SELECT') {
    control.selectedIndex = (control.selectedIndex + 1) % control.options.length;
    control.dispatchEvent(new Event('change', {bubbles: true}));
  } else {
    control.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true}));
  }
  while (performance.now() - begin < 20000) {
    const image = explorer.querySelector('img');
    if (image && image.src !== before) { await image.decode(); return performance.now() - begin; }
    await new Promise(done => setTimeout(done, 1));
  }
  return null;
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextmanager
def running(folder: Path, *command: str) -> Iterator[str]:
    """The address of a JupyterLab that this command starts, with workspaces and settings of its own in `folder`."""
    address = f"http://127.0.0.1:{(port := free_port())}"
    options = ["--no-browser", "--ip=127.0.0.1", f"--port={port}", "--allow-root", "--IdentityProvider.token=course"]
    own = {"JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"), "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings")}
    with (folder / "log").open("w") as log:
        server = subprocess.Popen([*command, *options], stdout=log, stderr=log, env=os.environ | own)
        while True:
            try:
                urllib.request.urlopen(f"{address}/api?token=course", timeout=5).close()
                break
            except OSError:
                assert server.poll() is None, (folder / "log").read_text()
                time.sleep(0.25)
        try:
            yield address
        finally:
            stop = urllib.request.Request(f"{address}/api/shutdown?token=course", method="POST")
            urllib.request.urlopen(stop, timeout=10).close()
            server.wait(30)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Address and folder of a running JupyterLab."""
    folder = tmp_path_factory.mktemp("lab")
    (folder / "notebooks").mkdir()
    (folder / "app").mkdir()
    (folder / "app" / "overrides.json").write_text(
        '{"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": false},'
        ' "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"}}'
    )
    places = (f"--ServerApp.root_dir={folder / 'notebooks'}", f"--LabApp.app_settings_dir={folder / 'app'}")
    with running(folder, sys.executable, "-m", "jupyterlab", *places) as address:
        yield address, folder / "notebooks"


def test_command_one_opens_the_course(browser: Browser, tmp_path: Path) -> None:
    """`python noxfile.py -s lab` ends on the student's own first lesson, nothing run and all that answers folded."""
    python = sys._base_executable  # as on a fresh machine: the Python that knows nothing of this environment
    with running(tmp_path, python, str(COURSE_ROOT / "noxfile.py"), "-s", "lab", "--") as address:
        page = browser.new_page()
        page.goto(f"{address}/?token=course")
        page.get_by_role("heading", name="00 · Start here").wait_for(timeout=60_000)
        page.get_by_text("(ipykernel) | Idle").wait_for(timeout=60_000)
        assert "/my_course/00_" in page.url
        page.locator(".jp-Notebook .jp-InputPlaceholder").first.wait_for(timeout=60_000)  # a folded claim
        assert page.get_by_text("For the instructor").count() == 0
        page.wait_for_timeout(3000)  # JupyterLab asks about its news a little later
        assert page.locator(".jp-Dialog").count() == 0
        assert page.locator(".Toastify__toast").count() == 0
        page.close()


def open_and_run(page: Page, address: str, name: str) -> None:
    page.goto(f"{address}/doc/tree/{name}?token=course")
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=90_000)
    page.get_by_text("(ipykernel) | Idle").wait_for(timeout=60_000)
    assert page.locator(".jp-Dialog").count() == 0, "no question about kernels or news greets the student"
    page.locator(".lm-MenuBar-itemLabel", has_text="Run").first.click()
    page.locator(".lm-Menu-itemLabel", has_text="Run All Cells").first.click()
    error = page.locator("[data-mime-type='application/vnd.jupyter.error']")
    page.get_by_text(DONE.upper(), exact=True).or_(error).first.wait_for(timeout=120_000)
    assert error.count() == 0, error.first.inner_text()


def to_run(cells: list[NotebookNode]) -> NotebookNode:
    """A notebook of these cells that says when all of them have run."""
    for cell in cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return nbformat.v4.new_notebook(
        cells=[*cells, nbformat.v4.new_code_cell(f"print({DONE!r}.upper())")], metadata=KERNEL
    )


@pytest.fixture(scope="module")
def redraws() -> Iterator[dict[str, list[float]]]:
    """How long the pictures of each lesson took, in milliseconds, from the release of a control to the new picture."""
    taken: dict[str, list[float]] = {}
    yield taken
    if file := os.environ.get("COURSE_REDRAWS"):
        Path(file).write_text(json.dumps(taken), encoding="utf-8")


def move_all(page: Page) -> list[float]:
    """Moves every slider of the page two steps on, or back from its end, and every list; how long each picture took."""
    milliseconds = []
    for handle in page.locator(f"{EXPLORER} .noUi-handle").all():
        for _ in range(2):
            at_end = handle.get_attribute("aria-valuenow") == handle.get_attribute("aria-valuemax")
            key = "ArrowLeft" if at_end else "ArrowRight"
            milliseconds.append(page.evaluate(MOVE, [handle.element_handle(), key]))
    for choices in page.locator(f"{EXPLORER} select").all():
        milliseconds += [page.evaluate(MOVE, [choices.element_handle(), None]) for _ in range(2)]
    assert None not in milliseconds, f"a control moved and the picture stayed: {milliseconds}"
    return milliseconds


@pytest.mark.parametrize("lesson", WITH_WIDGETS)
def test_widgets_work(lesson: str, browser: Browser, lab: tuple[str, Path], redraws: dict[str, list[float]]) -> None:
    address, folder = lab
    cells = [cell for cell in notebooks.read(lesson).cells if tags(cell) & {"setup", "widget"}]
    nbformat.write(to_run(cells), folder / f"{lesson}.ipynb")

    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    complaints: list[str] = []
    page.on(
        "console",
        lambda message: complaints.append(f"{message.text} {message.location}") if message.type == "error" else None,
    )
    open_and_run(page, address, f"{lesson}.ipynb")

    page.locator(EXPLORER).first.wait_for()
    redraws[lesson] = move_all(page)
    median, slowest = statistics.median(redraws[lesson]), max(redraws[lesson])
    print(f"{lesson}: {len(redraws[lesson])} redraws, median {median:.0f} ms, slowest {slowest:.0f} ms")

    for question in page.locator(".widget-vbox:has(.widget-radio)").all():
        assert question.locator("img").count() == 0, "the figure waits for the guess"
        assert question.locator("button").is_disabled()
        question.locator("input[type=radio]").first.check()
        question.locator("button").click()
        question.locator("img").wait_for()

    assert page.locator("[data-mime-type='application/vnd.jupyter.error']").count() == 0
    assert page.locator("[data-mime-type='application/vnd.jupyter.stderr']").count() == 0
    assert complaints == []
    page.close()


def test_no_barrier_in_a_lesson(browser: Browser, lab: tuple[str, Path]) -> None:
    """axe-core finds nothing serious in what the course puts into JupyterLab; figures and sliders have their names."""
    address, folder = lab
    cells = [cell for cell in notebooks.read("spiking_neuron").cells if "instructor" not in tags(cell)][:16]
    nbformat.write(to_run(cells), folder / "barriers.ipynb")
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    open_and_run(page, address, "barriers.ipynb")
    page.locator(EXPLORER).first.wait_for()
    assert barriers(page, ".jp-RenderedMarkdown", ".jp-OutputArea-output") == []
    figures = page.locator(".jp-RenderedImage img").evaluate_all("images => images.map(image => image.alt)")
    assert figures and all(len(alt) > 40 for alt in figures), "JupyterLab leaves the metadata's texts out by itself"
    sliders = page.locator(f"{EXPLORER} .noUi-handle").evaluate_all("all => all.map(s => s.getAttribute('aria-label'))")
    labels = page.locator(f"{EXPLORER} .widget-slider .widget-label").all_inner_texts()
    assert sliders and sliders == labels
    page.close()


def test_slides_are_live(browser: Browser, lab: tuple[str, Path]) -> None:
    """In RISE, opened beside the running lesson, a slider moves and its picture changes."""
    address, folder = lab
    notebook = slides(notebooks.read("stripe_dataset"))
    first_explorer = next(cell for cell in notebook.cells if "widget" in tags(cell))
    cells = [notebook.cells[0], *(cell for cell in notebook.cells if "setup" in tags(cell)), first_explorer]
    nbformat.write(to_run(cells), folder / "slides.ipynb")
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    open_and_run(page, address, "slides.ipynb")
    page.keyboard.press("Control+s")
    page.wait_for_function("() => !document.querySelector('.jp-mod-dirty')")

    show = context.new_page()
    show.goto(f"{address}/rise/slides.ipynb?token=course")
    show.locator("section.present h1").wait_for(timeout=60_000)
    show.locator(".noUi-handle").first.wait_for(state="attached", timeout=60_000)
    show.keyboard.press("Space")
    slide = show.locator("section.present section.present:has(.noUi-handle)")
    slide.wait_for(timeout=60_000)
    picture = slide.locator(".widget-html img")
    before = picture.get_attribute("src")
    show.wait_for_timeout(1000)  # the slide moves in
    slide.locator(".noUi-target").nth(2).click(position={"x": 150, "y": 3})
    here = "section.present section.present .widget-html img"
    show.wait_for_function(f"src => document.querySelector('{here}').src !== src", arg=before)
    context.close()
