# SPDX-License-Identifier: MIT
"""bench/picture.py - us a row as dots on a logarithmic axis, one SVG for light and dark pages

    A. XGBoost, 100 trees     o--------x-------------|       o libmodel  x best peer  | own library
"""
from __future__ import annotations

import math
from typing import Any, Dict, List
from xml.sax.saxutils import escape

WIDTH, LEFT, RIGHT, TOP, ROW = 860, 290, 20, 64, 27
PANELS = (("1", "one row a call"), ("4096", "4,096 rows a call"))
STYLE = """<style>
  svg { font: 12px system-ui, sans-serif; }
  text { fill: #24292f; } .faint { fill: #57606a; }
  .grid { stroke: #d0d7de; } .span { stroke: #afb8c1; stroke-width: 2; }
  .libmodel { fill: #0969da; } .best { fill: #bf3989; } .own { fill: #6e7781; } .head { font-weight: 600; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .faint { fill: #8d96a0; } .grid { stroke: #30363d; } .span { stroke: #484f58; }
    .libmodel { fill: #4493f8; } .best { fill: #db61a2; } .own { fill: #8d96a0; }
  }
</style>"""
SERIES = (("own", "the model's own library"), ("best", "best peer that runs the same model"), ("libmodel", "libmodel"))


def draw(rows: List[Dict[str, Any]], about: Dict[str, str]) -> str:
    values = [v for row in rows for batch, _ in PANELS for v in row[batch].values() if v]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    panel = (WIDTH - LEFT - RIGHT) / len(PANELS)
    height = TOP + ROW * len(rows) + 46

    def x(i: int, value: float) -> float:
        return LEFT + i * panel + 12 + (math.log10(value) - low) / (high - low) * (panel - 52)

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
           'role="img" aria-label="Microseconds a row of libmodel beside other engines">', STYLE]
    at = LEFT + 12.0
    for key, title in reversed(SERIES):
        out += [f'<circle class="{key}" cx="{at:.0f}" cy="16" r="5"/>',
                f'<text x="{at + 10:.0f}" y="20">{escape(title)}</text>']
        at += 36 + 6.4 * len(title)
    for i, (batch, title) in enumerate(PANELS):
        out.append(f'<text class="head" x="{LEFT + i * panel + 12:.0f}" y="{TOP - 18}">{escape(title)}</text>')
        for power in range(low, high + 1):
            at = x(i, 10.0 ** power)
            label = f"{10.0 ** power:g}"
            out += [f'<line class="grid" x1="{at:.1f}" x2="{at:.1f}" y1="{TOP - 8}" y2="{height - 40}"/>',
                    f'<text class="faint" x="{at:.1f}" y="{height - 26}" text-anchor="middle">{label}</text>']
    for j, row in enumerate(rows):
        y = TOP + ROW * j + ROW / 2
        title = row["title"].replace("RandomForestClassifier", "random forest").replace("Regression", " regression")
        title = title.replace("four category columns", "categories")
        title = title if len(title) <= 44 else title[:title.rfind(", ")]
        out.append(f'<text x="{LEFT - 4}" y="{y + 4:.0f}" text-anchor="end">{escape(title)}</text>')
        for i, (batch, _) in enumerate(PANELS):
            seen = [v for v in row[batch].values() if v]
            out.append(f'<line class="span" x1="{x(i, min(seen)):.1f}" x2="{x(i, max(seen)):.1f}" y1="{y}" y2="{y}"/>')
            out += [f'<circle class="{key}" cx="{x(i, row[batch][key]):.1f}" cy="{y}" r="5"/>'
                    for key, _ in SERIES if row[batch][key]]
    out.append(f'<text class="faint" x="{LEFT + 12}" y="{height - 8}">microseconds a row, one thread, logarithmic; '
               f'{escape(about["processor"])}, {escape(about["isa"])}, {about["date"]}</text>')
    return "\n".join(out + ["</svg>", ""])
