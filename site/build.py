"""Build the course's site from the committed notebooks, without a network: python site/build.py [FOLDER]

The pages are written as Sphinx's sources beside the result; conf.py says how Sphinx turns them into HTML.
"""

import shutil
import sys
from pathlib import Path

import nbformat
from sphinx.cmd.build import main as sphinx

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import lessons  # noqa: E402
import pages  # noqa: E402
from course_utils.tools.views import LESSONS  # noqa: E402

OUT = HERE.parent / ".nox" / "site-html"


def build(out: Path) -> int:
    """Write the site into a folder and return Sphinx's exit status; a warning is an error."""
    source = out.with_name(f"{out.name}-source")
    for folder in (out, source):
        shutil.rmtree(folder, ignore_errors=True)
    files = source / "files"
    (files / "lessons").mkdir(parents=True)
    for path in sorted(LESSONS.glob("[0-9]*.ipynb")):
        shutil.copy(path, files / "lessons")
        nbformat.write(lessons.page(path, files), source / path.name)
    for name, text in pages.pages().items():
        (source / f"{name}.md").write_text(text, encoding="utf-8")
    return sphinx(["-q", "-W", "--keep-going", "-j", "2", "-c", str(HERE), str(source), str(out)])


if __name__ == "__main__":
    status = build(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else OUT)
    print(f"The site: {OUT / 'index.html'}" if not status and len(sys.argv) == 1 else "")
    sys.exit(status)
