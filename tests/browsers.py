"""A real browser for tests, and axe-core, which looks for what keeps people from using a page."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from course_utils.data.locate import COURSE_ROOT

SITE = COURSE_ROOT / ".nox" / "site"  # what `python noxfile.py -s site` installs; axe-core is in it


def installed_browser(chromium_of_playwright: str) -> str | None:
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
    found = next(filter(None, map(shutil.which, names)), None)
    return found or (chromium_of_playwright if Path(chromium_of_playwright).exists() else None)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser without a window. The test is skipped where none is installed."""
    with sync_playwright() as playwright:
        executable = installed_browser(playwright.chromium.executable_path)
        if executable is None:
            pytest.skip("no Chromium or Chrome here; `python -m playwright install chromium` brings one")
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        with playwright.chromium.launch(executable_path=executable, args=flags) as browser:
            yield browser


def barriers(page: Page, *include: str) -> list[str]:
    """What axe-core finds serious or critical in these parts of a page: the rule, and where."""
    script = next(SITE.glob("**/axe_playwright_python/axe.min.js"), None)
    if script is None:
        pytest.skip("axe-core is not here; `python noxfile.py -s site` installs it")
    page.evaluate(script.read_text(encoding="utf-8"))
    found = page.evaluate("include => axe.run({include}, {resultTypes: ['violations']})", list(include))["violations"]
    return [
        f"{rule['id']}: {node['html'][:160]} {node['failureSummary'].splitlines()[-1].strip()}"
        for rule in found
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"]
    ]
