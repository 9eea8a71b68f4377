"""How large the package is and what depends on what, from its imports alone: `python noxfile.py -s house`.

Sizes are a means and are printed; what is structure (no arrow up, no circle, nothing loaded unasked) a test holds.
"""

import ast
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from course_utils.data.locate import COURSE_ROOT

PACKAGE = COURSE_ROOT / "course_utils"
# A room may import from itself and from the rooms below it.
BELOW = {
    "data": set(),
    "classroom": {"data"},
    "spiking": {"classroom", "data"},
    "training": {"classroom", "data", "spiking"},
    "exchange": {"classroom", "data", "spiking"},
    "chips": {"classroom", "data", "spiking", "training", "exchange"},
    "lessons": {"classroom", "data", "spiking", "training", "exchange", "chips"},
    "tools": {"classroom", "data", "spiking", "training", "exchange", "chips", "lessons"},
}


def module_name(path: Path) -> str:
    """The name by which a file of the package is imported."""
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}
LESSONS = {path.stem[3:]: path for path in sorted((COURSE_ROOT / "notebooks").glob("[0-9]*.ipynb"))}


def imported(source: str) -> Iterator[str]:
    """Every module, or name of a module, that a program imports anywhere in it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise ValueError(f"`{ast.unparse(node)}` imports relatively; write the whole name")
            yield from (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))


def code_of(notebook: Path, without: frozenset[str] = frozenset()) -> str:
    """The program that a notebook's code cells make, less cells with one of these tags; magics are left out."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    kept = (c for c in cells if c["cell_type"] == "code" and not without & set(c["metadata"].get("tags", [])))
    lines = "\n".join("".join(cell["source"]) for cell in kept).splitlines()
    return "\n".join("pass" if line.lstrip().startswith(("%", "!")) else line for line in lines)


@cache
def arrows(module: str) -> frozenset[str]:
    """The modules of the package that a module imports itself."""
    return frozenset(imported(MODULES[module].read_text(encoding="utf-8"))) & MODULES.keys()


def reached(names: set[str]) -> set[str]:
    """All modules that are loaded with these, directly or not."""
    seen, left = set(), names & MODULES.keys()
    while left:
        module = left.pop()
        seen.add(module)
        parents = {module.rsplit(".", depth)[0] for depth in range(1, module.count(".") + 1)}
        left |= (arrows(module) | (parents & MODULES.keys())) - seen
    return seen


def room(module: str) -> str:
    """The room of a module, a lesson's room with its topic; empty for the package itself."""
    parts = module.split(".")[1:]
    return ".".join(parts[:2]) if parts[:1] == ["lessons"] else "".join(parts[:1])


def arrows_up() -> list[str]:
    """Imports against the direction: into a room above, or into the room of a later lesson."""
    order = list(LESSONS)
    found = []
    for module in MODULES:
        here, _, topic = room(module).partition(".")
        for other in arrows(module):
            there, _, other_topic = room(other).partition(".")
            later = there == here == "lessons" and other_topic and order.index(other_topic) > order.index(topic)
            if here and there and (later or there not in BELOW[here] | {here}):
                found.append(f"{module} imports {other}")
    return sorted(found)


def circles() -> list[str]:
    """Modules that reach themselves again."""
    return sorted(module for module in MODULES if module in reached(set(arrows(module))))


def names_of_two_things() -> dict[str, list[str]]:
    """Public names that more than one module defines: functions, classes, and what is assigned but constants and
    exercises. Names that every room or command has are left out."""
    usual = {"main", "EXPERIMENTS"}
    where = defaultdict(list)
    for module, path in MODULES.items():
        names = set()
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef):
                names.add(node.name)
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                stored = (part for target in targets for part in ast.walk(target) if isinstance(part, ast.Name))
                names |= {part.id for part in stored if not part.id.isupper()}
        for name in names:
            if not name.startswith(("_", "check_") if module.endswith(".checks") else "_"):
                where[name].append(module.removeprefix("course_utils."))
    return {name: places for name, places in sorted(where.items()) if len(places) > 1 and name not in usual}


def main() -> None:
    """Print all measures."""
    lines = {module: path.read_text(encoding="utf-8").count("\n") for module, path in MODULES.items()}
    reach = {topic: reached(set(imported(code_of(path)))) for topic, path in LESSONS.items()}
    for topic, modules in reach.items():
        print(f"{topic:26} reaches {sum(lines[m] for m in modules):6,} lines of {len(modules):3} modules")
    users = Counter(module for modules in reach.values() for module in modules)
    rooms = Counter()
    for module in MODULES:
        rooms[room(module)] += lines[module]
    print("rooms:", ", ".join(f"{name or 'course_utils'} {count:,}" for name, count in sorted(rooms.items())))
    largest = sorted(MODULES, key=lines.get)[-5:]
    print("largest files:", ", ".join(f"{name.removeprefix('course_utils.')} {lines[name]}" for name in largest[::-1]))
    tests = sum(path.read_text(encoding="utf-8").count("\n") for path in (COURSE_ROOT / "tests").rglob("*.py"))
    shared = sum(lines[module] for module, count in users.items() if count >= 3)
    print(f"package {sum(lines.values()):,}, tests {tests:,}, what three or more lessons share {shared:,} lines")
    print("arrows up:", "; ".join(arrows_up()) or "none")
    print("circles:", "; ".join(circles()) or "none")
    for name, places in names_of_two_things().items():
        print(f"means two things: {name} in {', '.join(places)}")


if __name__ == "__main__":
    main()
