"""The course's web pages in a real browser: built without a network, whole, and usable by anybody."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Browser, Locator, Page

from course_utils.classroom.letters import LETTERS
from course_utils.data.locate import COURSE_ROOT
from course_utils.tools.views import LESSONS, tags
from course_utils.training import ledger
from tests import notebook_cells as notebooks
from tests.browsers import SITE, barriers, chromium

PYTHON = SITE / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
PAGES = ["index", *(path.stem for path in notebooks.ALL), "letters", "ledger", "teaching"]

# Formulas and texts as they reach a reader: a backslash or a dollar that is left over was meant for LaTeX.
LEFT_OVER = r"""() => {
  const text = document.querySelector('article').cloneNode(true);
  text.querySelectorAll('pre, code, script, math').forEach(part => part.remove());
  const raw = text.textContent.match(/\\[a-zA-Z]{2,}|\$[^\s$][^$\n]*\$/g) || [];
  const formulas = [...document.querySelectorAll('math')].map(formula => formula.textContent);
  return [...raw, ...formulas.filter(formula => /[\\&#]|^\s*$/.test(formula))];
}"""
UNSEEN = """() => [...document.querySelectorAll('img')].filter(i => !i.complete || !i.naturalWidth || !i.alt.trim())
  .map(i => i.outerHTML.slice(0, 200))"""
ANSWERS = """() => [...document.querySelectorAll('.tag_solution, .tag_claim .cell_input, .tag_figure .cell_input')]
  .filter(cell => cell.checkVisibility() && !cell.matches(':has(> details:not([open]))')).map(c => c.textContent)"""
SIDEWAYS = """() => [document.documentElement, document.querySelector('.content')]
  .map(part => part.scrollWidth - part.clientWidth)"""
STEPS = """() => [...document.querySelectorAll('h1, h2, h3, h4, h5, h6')].map(h => Number(h.tagName[1]))"""
MOVING = """() => [...document.querySelectorAll('*')].filter(e => parseFloat(getComputedStyle(e).transitionDuration) > 0
  || getComputedStyle(e).scrollBehavior === 'smooth').map(e => e.tagName + ' ' + e.className)"""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the pages, built here and now."""
    if not PYTHON.exists():
        pytest.skip("what builds the site is not installed; `python noxfile.py -s site` does it")
    folder = tmp_path_factory.mktemp("site") / "html"
    script = COURSE_ROOT / "site" / "build.py"
    built = subprocess.run([PYTHON, "-W", "ignore", script, folder], capture_output=True, text=True, timeout=900)
    assert built.returncode == 0, built.stderr
    return folder


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """Where a web server of this machine shows the pages."""
    handler = partial(Quiet, directory=site)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


def opened(
    browser: Browser, address: str, name: str, theme: str = "light", width: int = 1280
) -> tuple[Page, list[str]]:
    """A page with all its pictures, and a list into which everything goes that the browser complains about."""
    tab = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=theme, reduced_motion="reduce")
    complaints: list[str] = []
    tab.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("request", lambda sent: None if sent.url.startswith((address, "data:")) else complaints.append(sent.url))
    tab.goto(f"{address}/{name}.html")
    tab.evaluate("document.querySelectorAll('img').forEach(image => image.loading = 'eager')")
    tab.wait_for_function("() => [...document.images].every(image => image.complete)")
    return tab, complaints


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_whole_and_open_to_all(name: str, address: str, browser: Browser) -> None:
    for theme in ("light", "dark"):
        page, complaints = opened(browser, address, name, theme)
        assert "For the instructor" not in page.locator("article").text_content()
        steps = page.evaluate(STEPS)
        assert steps[0] == steps.count(1) == 1 and all(b - a <= 1 for a, b in pairwise(steps)), steps
        for width in (1280, 390):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate(UNSEEN) == []
            assert page.evaluate(LEFT_OVER) == []
            assert page.evaluate(ANSWERS) == []
            assert max(page.evaluate(SIDEWAYS)) <= 0, f"{theme}, {width}: it scrolls sideways"
            if (theme == "dark") == (width == 390):
                assert page.evaluate(MOVING) == []
                assert barriers(page, "article") == [], f"{theme}, {width}"
        assert complaints == []
        page.close()


def by_keyboard(page: Page, control: Locator) -> None:
    """One step on, or back where it stands at its end."""
    control.focus()
    at_end = control.evaluate("c => c.tagName === 'SELECT' ? c.selectedIndex == c.length - 1 : c.value == c.max")
    select = control.evaluate("c => c.tagName") == "SELECT"
    page.keyboard.press(("ArrowUp" if at_end else "ArrowDown") if select else ("ArrowLeft" if at_end else "ArrowRight"))


@pytest.mark.parametrize("path", notebooks.ALL, ids=lambda path: path.stem)
def test_explorers_move_and_questions_answer(path: Path, address: str, browser: Browser) -> None:
    lesson = nbformat.read(path, as_version=4)
    page, complaints = opened(browser, address, path.stem)
    explorers = page.locator(".explorer").all()
    shown = [
        cell.id for cell in lesson.cells for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {}) and output.data["text/plain"].startswith(("Explorer(", "Player("))
    ]  # fmt: skip
    assert len(explorers) == len(shown)
    for explorer, cell in zip(explorers, shown, strict=True):
        assert (LESSONS / "explorers" / path.stem[3:] / f"{cell}.zip").exists(), "run `render`"
        image = explorer.locator("img")
        for control in explorer.locator("input, select").all():
            before = image.get_attribute("src")
            by_keyboard(page, control)
            page.wait_for_function("([image, before]) => image.getAttribute('src') !== before && image.complete",
                                   arg=[image.element_handle(), before])  # fmt: skip
            assert image.evaluate("image => image.naturalWidth") > 100 and image.get_attribute("alt").strip()
            assert explorer.locator("[role=status]").text_content() == image.get_attribute("alt")

    questions = page.locator(".prediction").all()
    assert len(questions) == sum("predict" in tags(cell) for cell in lesson.cells)
    for question in questions:
        assert question.locator("img").count() == 0 and question.locator("button").is_disabled()
        question.locator("input").first.focus()
        page.keyboard.press("Space")
        question.locator("button").focus()
        page.keyboard.press("Enter")
        question.locator("img").wait_for()
        verdict = question.locator(".outcome b").first.text_content()
        assert verdict.startswith(("You were right.", "It is: "))
    assert complaints == []
    page.close()


def test_the_ledger_sorts_and_holds_every_record(address: str, browser: Browser) -> None:
    page, _ = opened(browser, address, "ledger")
    rows = page.locator("table.sortable tbody tr")
    assert rows.count() == len(ledger.read(None, ledger.SHIPPED, experiment=None))
    column = page.locator("th", has_text="parameters")
    place = 1 + column.evaluate("head => head.cellIndex")
    for direction, extreme in (("ascending", min), ("descending", max)):
        column.locator("button").press("Enter")
        assert column.get_attribute("aria-sort") == direction
        numbers = [
            int(text.replace(",", "")) for text in page.locator(f"tbody td:nth-child({place})").all_inner_texts()
        ]
        assert numbers[0] == extreme(numbers) and numbers == sorted(numbers, reverse=direction == "descending")
    page.close()


def test_the_map_leads_everywhere_and_the_search_finds(address: str, browser: Browser) -> None:
    page, complaints = opened(browser, address, "index", width=390)
    leads = page.locator(".map a").evaluate_all("links => links.map(link => link.getAttribute('href'))")
    assert leads == [f"{path.stem}.html" for path in sorted(notebooks.ALL)]
    page.goto(f"{address}/search.html?q=rheobase")
    page.locator("#search-results a", has_text="A spiking neuron").first.wait_for()
    page.goto(f"{address}/letters.html")
    assert page.locator("article tbody tr").count() == len(LETTERS)
    assert complaints == []
    page.close()


def test_a_page_is_at_most_3_mb_and_every_lesson_can_be_taken_home(site: Path) -> None:
    for path in notebooks.ALL:
        assert (site / "lessons" / path.name).read_bytes() == path.read_bytes()
        text = (site / f"{path.stem}.html").read_text(encoding="utf-8")
        assert f'href="lessons/{path.name}"' in text and "colab" not in text, "no address, no badge"
        loaded = {name for name in text.split('"') if name.startswith(("pictures/", "explorers/", "_static/"))}
        files = [site / name.partition("?")[0] for name in loaded]
        assert len(text.encode()) + sum(file.stat().st_size for file in files if file.is_file()) < 3_000_000
