# SPDX-License-Identifier: MIT
"""What the Python tests share: the table of what was proven bit-identical, and small data.

    pytest tests/python --numerics-table=build/numerics_table.md
    pytest tests/python --update-docs         puts the table into docs/numerics.md as well
"""
import importlib
import math
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs" / "numerics.md"
BEGIN, END = "<!-- proven: begin -->", "<!-- proven: end -->"

PROVEN = {}         # (framework and version, kind): {what: rows}, {number: rows}


def pytest_addoption(parser):
    group = parser.getgroup("libmodel")
    group.addoption("--numerics-table", metavar="FILE",
                    help="write a Markdown table of the model kinds proven bit-identical")
    group.addoption("--update-docs", action="store_true",
                    help="put that table into docs/numerics.md")


def version_of(framework):
    module = {"scikit-learn": "sklearn"}.get(framework.lower(), framework.lower())
    return importlib.import_module(module).__version__


@pytest.fixture
def proven(request):
    """proven(framework, kind, rows, what): a test compared `rows` rows of a kind of model; `what`
    says what was equal, or is the largest difference in units in the last place (0: the same
    bits).  Counts only if the test that calls it passes."""
    claims = []

    def claim(framework, kind, rows, what):
        claims.append(((f"{framework} {version_of(framework)}", kind), int(rows), what))

    yield claim
    report = getattr(request.node, "call_report", None)
    if report is not None and report.passed:
        for key, rows, what in claims:
            found = PROVEN.setdefault(key, {})
            found[what] = found.get(what, 0) + rows


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if call.when == "call":
        item.call_report = outcome.get_result()


def said(found):
    """What was found of one kind of model, numbers put together to the largest."""
    texts = sorted(what for what in found if isinstance(what, str))
    worst = max((what for what in found if not isinstance(what, str)), default=None)
    if worst is not None:
        texts.append("same bits" if worst == 0 else f"within {math.ceil(worst)} ULP")
    return "; ".join(texts)


def table():
    lines = ["| framework | kind of model | rows compared | what |", "|---|---|---|---|"]
    ordered = sorted(PROVEN.items(), key=lambda item: tuple(part.lower() for part in item[0]))
    lines += [f"| {framework} | {kind} | {sum(found.values())} | {said(found)} |"
              for (framework, kind), found in ordered]
    return "\n".join(lines) + "\n"


@pytest.hookimpl(optionalhook=True)            # without pytest-xdist there is none
def pytest_testnodedown(node, error):
    """What a worker of pytest-xdist has proven is ours."""
    for key, found in getattr(node, "workeroutput", {}).get("proven", []):
        ours = PROVEN.setdefault(tuple(key), {})
        for what, rows in found:
            ours[what] = ours.get(what, 0) + rows


def pytest_sessionfinish(session, exitstatus):
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["proven"] = [(key, list(found.items()))
                                                 for key, found in PROVEN.items()]
        return
    path = session.config.getoption("--numerics-table")
    if path:
        Path(path).write_text(table(), encoding="utf-8")
    if session.config.getoption("--update-docs") and exitstatus == 0:
        text = DOCS.read_text(encoding="utf-8")
        before, rest = text.split(BEGIN, 1)
        after = rest.split(END, 1)[1]
        DOCS.write_text(f"{before}{BEGIN}\n{table()}{END}{after}", encoding="utf-8")


# ---- data ----------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def table_data():
    """A table of four columns with holes, and three kinds of target."""
    random = np.random.default_rng(7)
    x = random.normal(size=(400, 4))
    margin = x[:, 0] - 0.7 * x[:, 1] * x[:, 2] + 0.3 * random.normal(size=400)
    x[random.random(x.shape) < 0.05] = np.nan
    return x, {"value": margin, "binary": (margin > 0).astype(int),
               "classes": np.digitize(margin, [-0.6, 0.5])}
