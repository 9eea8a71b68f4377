"""Tables that show as tables in a notebook and as text elsewhere."""

from collections.abc import Iterable, Sequence


class Table:
    """Rows under named columns; every cell is shown as text, in which Markdown may be used."""

    def __init__(self, columns: Sequence[str], rows: Iterable[Sequence[object]]):
        self.columns = list(columns)
        self.rows = [[str(cell) for cell in row] for row in rows]

    def __repr__(self) -> str:
        return "\n".join("  ".join(row) for row in [self.columns, *self.rows])

    def _repr_markdown_(self) -> str:
        escaped = ([cell.replace("|", r"\|") for cell in row] for row in self.rows)
        return "\n".join(
            "| " + " | ".join(line) + " |" for line in [self.columns, ["---"] * len(self.columns), *escaped]
        )
