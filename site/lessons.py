"""A committed lesson as a page: what is for the instructor left out, answers folded, pictures in files of their own."""

import base64
import hashlib
import html
import json
import os
import re
import struct
import zipfile
from pathlib import Path
from urllib.parse import urlsplit

import nbformat
from nbformat import NotebookNode

from course_utils.tools.views import tags

# https://github.com/owner/name, where the course is published; without it no page offers to open a lesson elsewhere
REPOSITORY = os.environ.get("COURSE_REPOSITORY", "").rstrip("/").removesuffix(".git")
FOLDED = {"solution": "the solution", "claim": "the check of this claim", "figure": "the code of this figure",
          "predict": "the code of this question"}  # fmt: skip
# With empty lines around it what is folded is Markdown, too; JupyterLab sets its formulas either way.
FOLDS = re.compile(r"<details>\s*<summary>.*?</summary>|</details>", re.DOTALL)
EMBEDDED = re.compile(r'src="data:image/png;base64,([^"]+)"[^>]*')


def page(path: Path, files: Path) -> NotebookNode:
    """The notebook that becomes a page.

    Args:
        path: of the lesson. The pictures of its explorers lie in `explorers/<topic>/` beside it.
        files: folder whose content is published beside the pages; pictures are written into it.
    """
    lesson = nbformat.read(path, as_version=4)
    lesson.cells = [cell for cell in lesson.cells if "instructor" not in tags(cell)]
    for cell in lesson.cells:
        if cell.cell_type == "markdown":
            cell.source = FOLDS.sub(r"\n\n\g<0>\n\n", cell.source)
        else:
            _fold(cell)
            archive = path.parent / "explorers" / path.stem[3:] / f"{cell.id}.zip"
            for output in cell.outputs:
                _show(output, archive, files)
    lesson.cells.insert(1, nbformat.v4.new_markdown_cell(doors(path.name)))
    return lesson


def doors(name: str) -> str:
    """Where to get a lesson, as HTML: its file, and a cloud notebook if the course has an address."""
    links = [f'<a href="lessons/{name}" download>Download this lesson</a>']
    if urlsplit(REPOSITORY).hostname == "github.com":
        where = f"https://mybinder.org/v2/gh{urlsplit(REPOSITORY).path}/main?urlpath=lab/tree/notebooks/{name}"
        links.append(f'<a href="{where}">Open in Binder</a>')  # in Colab a lesson needs the first cell of its own view
    return f'<p class="doors">{" · ".join(links)}</p>'


def _fold(cell: NotebookNode) -> None:
    kind = next((tag for tag in FOLDED if tag in tags(cell)), None)
    if kind:
        cell.metadata.tags.append("hide-cell" if kind == "solution" else "hide-input")
        cell.metadata["mystnb"] = {
            "code_prompt_show": f"Show {FOLDED[kind]}",
            "code_prompt_hide": f"Hide {FOLDED[kind]}",
        }


def _show(output: NotebookNode, archive: Path, files: Path) -> None:
    """Give a picture, a question or an explorer its place on the page."""
    data = output.get("data", {})
    if "image/png" in data:
        source, size = _kept(data["image/png"], files)
        image = f'<img src="{source}" {size} alt="{html.escape(output.metadata["image/png"]["alt"])}" loading="lazy">'
        if not re.match(r"\w*(Explorer|Player)\(", data.get("text/plain", "")):
            shown = f'<a class="picture" href="{source}">{image}</a>'
        elif archive.exists():
            shown = _explorer(archive, size, files)
        else:
            shown = f'<div class="explorer">{image}<p>In JupyterLab this picture has sliders.</p></div>'
        output.data = {"text/html": shown}
    elif "text/html" in data:
        text = EMBEDDED.sub(
            lambda found: 'src="{}" {} loading="lazy"'.format(*_kept(found[1], files)), data["text/html"]
        )
        kind = "prediction" if "<b>Predict.</b>" in text else "widget"
        output.data = {"text/html": f'<div class="{kind}">{text}</div>'}


def _kept(png: str, files: Path) -> tuple[str, str]:
    """Write a picture under a name that tells its content; its address and its size as attributes."""
    content = base64.b64decode(png)
    path = files / "pictures" / f"{hashlib.sha256(content).hexdigest()[:16]}.png"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    width, height = struct.unpack(">II", content[16:24])
    return f"pictures/{path.name}", f'width="{width}" height="{height}"'


def _explorer(archive: Path, size: str, files: Path) -> str:
    """The first picture of an explorer, and what its script needs to know of the others."""
    folder = files / "explorers" / f"{archive.parent.name}-{archive.stem}"
    with zipfile.ZipFile(archive) as pictures:
        index = json.loads(pictures.read("positions.json"))
        pictures.extractall(folder, [name for name in pictures.namelist() if name.endswith(".webp")])
    index["folder"] = folder.relative_to(files).as_posix()
    together = len(index["pictures"]) > sum(len(control["labels"]) for control in index["controls"])
    alone = "" if together or len(index["controls"]) == 1 else "Moving one control sets the others back. "
    known = json.dumps(index, ensure_ascii=False).replace("<", "\\u003c")
    return f"""<div class="explorer"><script type="application/json">{known}</script>
<img src="{index["folder"]}/0.webp" {size} alt="{html.escape(index["pictures"][0]["alt"])}">
<p class="said" role="status"></p>
<p>Pictures made beforehand, at these positions. {alone}In JupyterLab there are more.</p></div>"""
