"""The little Markdown that rendered pages need."""

from collections.abc import Iterable


def table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a Markdown table."""
    lines = [tuple(columns)]
    lines.append(("---",) * len(lines[0]))
    lines.extend(tuple(cell.replace("|", "\\|") for cell in row) for row in rows)
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def code(text: object) -> str:
    """Return the text set as code; nothing stays nothing."""
    return f"`{text}`" if text not in (None, "") else ""
