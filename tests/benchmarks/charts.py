"""Charts as plain SVG, readable on light and dark ground."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

_COLOURS = ("#2563eb", "#d97706", "#6b7280", "#059669", "#dc2626")
_STYLE = (
    "<style>text{font:12px system-ui,sans-serif;fill:#374151}"
    "@media(prefers-color-scheme:dark){text{fill:#d1d5db}}"
    ".axis{stroke:#9ca3af;stroke-width:1}.title{font-weight:600;font-size:14px}</style>"
)

Points = Sequence[tuple[float, float]]


def bars(path: Path, title: str, rows: Sequence[tuple[str, float, int]], unit: str) -> None:
    """Write a chart of horizontal bars.

    Args:
        path: the file.
        title: what is shown.
        rows: a name, a value and the number of a colour for each bar.
        unit: the unit of the values.
    """
    left, width, step = 250, 430, 22
    largest = max(value for _, value, _ in rows)
    parts = [_text(10, 20, title, "title")]
    for number, (name, value, colour) in enumerate(rows):
        y = 34 + number * step
        length = value / largest * width
        parts += [
            _text(left - 8, y + 13, name, anchor="end"),
            _box(left, y, length, 16, _COLOURS[colour]),
            _text(left + length + 6, y + 13, f"{value:.0f} {unit}"),
        ]
    _write(path, left + width + 90, 44 + len(rows) * step, parts)


def lines(path: Path, title: str, panels: Sequence[tuple[str, dict[str, Points]]]) -> None:
    """Write curves over seconds, in panels one above the other.

    Args:
        path: the file.
        title: what is shown.
        panels: for each the name of its axis, and its curves by name.
    """
    left, width, height, gap = 70, 560, 130, 46
    seconds = max(x for _, curves in panels for points in curves.values() for x, _ in points)
    parts = [_text(10, 20, title, "title")]
    for number, (axis, curves) in enumerate(panels):
        top = 44 + number * (height + gap)
        highest = max(1.0, *(y for points in curves.values() for _, y in points))
        parts += [
            _text(left, top - 8, axis),
            f'<path class="axis" fill="none" d="M{left},{top}V{top + height}H{left + width}"/>',
            _text(left - 6, top + 10, f"{highest:,.0f}", anchor="end"),
            _text(left - 6, top + height, "0", anchor="end"),
            _text(left, top + height + 15, "0"),
            _text(left + width, top + height + 15, f"{seconds:,.0f} s", anchor="end"),
        ]
        for colour, (name, points) in enumerate(curves.items()):
            path_data = "L".join(
                f"{left + x / seconds * width:.1f},{top + height - y / highest * height:.1f}"
                for x, y in points
            )
            parts.append(
                f'<path fill="none" stroke-width="1.8" stroke="{_COLOURS[colour]}" '
                f'd="M{path_data}"/>'
            )
            y = top + 14 + colour * 16
            parts += [
                _box(left + width + 12, y - 9, 10, 10, _COLOURS[colour]),
                _text(left + width + 28, y, name),
            ]
    _write(path, left + width + 210, 44 + len(panels) * (height + gap), parts)


def _text(x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> str:
    css = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{css}>{escape(text)}</text>'


def _box(x: float, y: float, width: float, height: float, colour: str) -> str:
    size = f'x="{x}" y="{y}" width="{width:.1f}" height="{height}"'
    return f'<rect {size} rx="2" fill="{colour}"/>'


def _write(path: Path, width: float, height: float, parts: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    body = "\n".join([_STYLE, *parts])
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'role="img">\n{body}\n</svg>\n'
    )
