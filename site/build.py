"""Build the course's site from the committed notebooks, without a network: python site/build.py [FOLDER]

Lessons and the pages beside them become Sphinx's sources; conf.py says how Sphinx turns these into HTML.
"""

import shutil
import sys
import tempfile
from pathlib import Path

import nbformat
from sphinx.cmd.build import main as sphinx

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import lessons  # noqa: E402
import pages  # noqa: E402

from course_utils.tools.views import LESSONS  # noqa: E402

OUT = HERE.parent / "views" / "site"


def build(out: Path) -> int:
    """Write the site into a folder, in place of what stood there, and return Sphinx's exit status.

    A warning of Sphinx is an error.
    """
    shutil.rmtree(out, ignore_errors=True)
    with tempfile.TemporaryDirectory() as scratch:
        source, doctrees = Path(scratch, "source"), Path(scratch, "doctrees")
        (files := source / "files").mkdir(parents=True)
        for path in sorted(LESSONS.glob("[0-9]*.ipynb")):
            nbformat.write(lessons.page(path, files), source / path.name)
        shutil.copytree(LESSONS, files / "lessons", ignore=shutil.ignore_patterns("explorers", ".*", "LICENSE"))
        for name, text in pages.pages().items():
            (source / f"{name}.md").write_text(text, encoding="utf-8")
        options = ["-q", "-W", "--keep-going", "-j", "2", "-c", str(HERE), "-d", str(doctrees)]
        return sphinx([*options, str(source), str(out)])


if __name__ == "__main__":
    where = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else OUT
    if status := build(where):
        sys.exit(status)
    print(f"The site stands in {where / 'index.html'}")
