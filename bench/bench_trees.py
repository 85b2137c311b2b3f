# SPDX-License-Identifier: MIT
"""bench/bench_trees.py BUILD - libmodel side by side with every engine that runs the same models

Trains the ensembles of bench/ensembles.py (once), opens each peer of bench/peers.py in a process of
its own on one core, compares its answers with the source framework's, and times all of them in turn.

    ONLY="A B lignum"   these ensembles and peers only (libmodel always); nothing is written to docs/
    SECONDS_EACH=1      time for one engine, ensemble and batch size, over all repeats
    DOCS=1              write the document even so
    KEPT=1              leave out what would have to be compiled or converted first, by name

Prints the tables, writes docs/performance.md and its pictures after a complete run, keeps the numbers in
build/bench/results.json.  Fails when answers of libmodel are not the source's bits (F: beyond 1e-14), or
when its trees are not at least twice as fast as the source's own library at one row and at 4,096.
"""
from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import Any, Dict, List, Optional

import ensembles
import report
from ensembles import ENSEMBLES, say
from peers import PEERS, NotMade, seconds_to_make, version

BATCHES = (1, 16, 256, 4096, 65536)
DISTINCT = 4096                       # rows for all but the largest batch
REPEATS = 7
LEAST_RATIO, LEAST_RATIO_AT = 2.0, (1, 4096)
F_TOLERANCE = 1e-14                   # a sum of 64 products whose order BLAS chooses

SINGLE = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}


class Worker:
    """A process of bench/worker.py; see there what is said."""

    def __init__(self, folder: str, ensemble: str, peer: str, cpu: int) -> None:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS")}
        environment.update(SINGLE)
        self.name = peer
        self.log = open(os.path.join(folder, ensemble, peer + ".log"), "w")
        self.process = subprocess.Popen(
            [sys.executable, os.path.join(os.path.dirname(__file__), "worker.py"), folder, ensemble, peer, str(cpu)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True, env=environment)
        self.spent = 0.0
        self.best: Optional[float] = None

    def hear(self) -> Dict[str, Any]:
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            return {"error": f"ended with {self.process.wait()}"}
        heard: Dict[str, Any] = json.loads(line)
        return heard

    def ask(self, **what: Any) -> Dict[str, Any]:
        assert self.process.stdin
        try:
            self.process.stdin.write(json.dumps(what) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            return {"error": f"ended with {self.process.wait()}"}
        return self.hear()

    def stop(self) -> None:
        assert self.process.stdin
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        self.process.wait()
        self.log.close()


def open_peers(folder: str, name: str, peers: List[str], cpu: int, found: Dict[str, Any]) -> List[Worker]:
    """Start a worker for each peer that can run this ensemble; what cannot is noted in `found`."""
    workers = []
    for peer in peers:
        if name not in PEERS[peer].ensembles:
            continue
        try:
            PEERS[peer].make(os.path.join(folder, name), ENSEMBLES[name])
        except (ImportError, NotMade) as error:
            found[peer] = {"skipped": str(error)}
            continue
        except Exception as error:
            found[peer] = {"skipped": f"cannot be made: {type(error).__name__}: {error}"}
            continue
        worker = Worker(folder, name, peer, cpu)
        found[peer] = worker.hear()
        if "error" in found[peer]:
            found[peer] = {"skipped": found[peer]["error"]}
            worker.stop()
            continue
        say(f"{name}: {peer}: largest difference", found[peer].get("difference", "not known, a model of its own"))
        workers.append(worker)
    return workers


def time_all(name: str, workers: List[Worker], seconds: float, found: Dict[str, Any]) -> None:
    """Every engine in turn in every repeat; slow ones stop when their time is used up."""
    for worker in workers:
        found[worker.name]["us"] = {}
    for batch in BATCHES:
        say(f"{name}: {batch} rows a call")
        for worker in workers:
            worker.spent, worker.best = 0.0, None
        for _ in range(REPEATS):
            for worker in list(workers):
                if worker.spent >= seconds and worker.best is not None:
                    continue
                heard = worker.ask(rows=max(DISTINCT, batch), batch=batch, seconds=seconds / REPEATS)
                if "error" in heard:
                    say(f"{name}: {worker.name}: {heard['error']}")
                    found[worker.name]["failed"] = heard["error"]
                    workers.remove(worker)
                    worker.stop()
                    continue
                worker.spent += heard["spent"]
                worker.best = min(worker.best or heard["us"], heard["us"])
        for worker in workers:
            found[worker.name]["us"][str(batch)] = worker.best


def check(name: str, found: Dict[str, Any]) -> List[str]:
    """What is wrong with libmodel's answers."""
    wrong = []
    for peer in ("libmodel", "libmodel-python"):
        one = found.get(peer)
        if one is None:
            continue
        if "skipped" in one:
            wrong.append(f"{name}: {peer}: {one['skipped']}")
        elif not one["same"] and (name != "F" or one["difference"] > F_TOLERANCE):
            wrong.append(f"{name}: {peer} differs from the source by {one['difference']:.3g} "
                         f"in {one['share']:.2%} of the rows")
    return wrong


def too_slow(name: str, found: Dict[str, Any]) -> List[str]:
    source = found.get(ENSEMBLES[name].source, {}).get("us")
    ours = found["libmodel"].get("us")
    if not source or not ours or name == "F":
        return []
    ratios = {batch: source[str(batch)] / ours[str(batch)] for batch in LEAST_RATIO_AT if str(batch) in source}
    return [f"{name}: at {batch} rows a call only {ratio:.2f} times as fast as {ENSEMBLES[name].source}"
            for batch, ratio in ratios.items() if ratio < LEAST_RATIO]


def run(build: str, names: List[str], peers: List[str], seconds: float, missing: Dict[str, str]) -> Dict[str, Any]:
    """What was found for each ensemble; those whose framework is not here are noted in `missing`."""
    folder = os.path.join(build, "bench")
    cpu = max(os.sched_getaffinity(0))
    results: Dict[str, Any] = {}
    for name in names:
        try:
            ensembles.train(folder, name)
            ensembles.convert(folder, name)
        except ImportError as error:
            say(f"{name}: skipped: {error}")
            missing[name] = str(error)
            continue
        home = os.path.join(folder, name)
        found: Dict[str, Any] = {}
        workers = open_peers(folder, name, peers, cpu, found)
        wrong = check(name, found)
        if not wrong:
            time_all(name, workers, seconds, found)
        for worker in workers:
            worker.stop()
        results[name] = {
            "peers": found, "wrong": wrong, "slow": [] if wrong else too_slow(name, found),
            "seconds_to_make": {file: seconds_to_make(os.path.join(home, file)) for file in
                                ("tl2cgen.so", "tl2cgen-quantize.so", "lleaves.so", "lignum.so")},
            "model_bytes": {file: os.path.getsize(os.path.join(home, file))
                            for file in ("model.mdl", ENSEMBLES[name].file)},
        }
        print(report.text(name, results[name]), flush=True)
    return results


def main(build: str) -> int:
    only = os.environ.get("ONLY", "").split()
    seconds = float(os.environ.get("SECONDS_EACH", "1"))
    unknown = [word for word in only if word not in ENSEMBLES and word not in PEERS]
    if unknown:
        say(f"no ensemble or peer {', '.join(unknown)}; there are {' '.join(ENSEMBLES)} and {' '.join(PEERS)}")
        return 2
    os.environ["BENCH_BUILD"] = os.path.abspath(build)
    names = [name for name in ENSEMBLES if name in only] or list(ENSEMBLES)
    chosen = [peer for peer in PEERS if peer in only]
    peers = ["libmodel"] + [peer for peer in chosen if peer != "libmodel"] if chosen else list(PEERS)
    begin = time.monotonic()
    missing: Dict[str, str] = {}
    results = run(build, names, peers, seconds, missing)
    everything = {"machine": report.machine(), "seconds_each": seconds, "repeats": REPEATS, "missing": missing,
                  "versions": {p.package: version(p.package) for p in PEERS.values() if p.package},
                  "ensembles": results}
    with open(os.path.join(build, "bench", "results.json"), "w") as f:
        json.dump(everything, f, indent=1)
    say(f"took {time.monotonic() - begin:.0f} s")
    problems = [text for one in results.values() for text in one["wrong"] + one["slow"]]
    for text in problems:
        print("FAIL", text)
    complete = not only and not any(one["wrong"] for one in results.values())
    if complete or os.environ.get("DOCS") == "1":
        report.write(everything)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
