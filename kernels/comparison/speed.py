"""Times each kernel, one after another in several rounds, and prints medians, spread and ratios: `python speed.py [--rounds N] [--quick] [--only NAME]`."""

import argparse
import os
import statistics
import sys
import time

from client import Lost, start_ready
from peers import all_peers

COMPARED = ("Vitrine", "tslab", "Deno", "ipykernel")

#: (row, unit): what is measured, in the table's order.
ROWS = {
    "start": ("start to kernel_info reply", "ms"),
    "first": ("start to first result", "ms"),
    "trivial": ("cell `1 + 1`", "ms"),
    "function": ("cell that declares a function", "ms"),
    "typed": ("cell with a new interface and constant", "ms"),
    "tfjs": ("cell that uses tfjs types", "ms"),
    "import": ("first import of lib", "ms"),
    "complete": ("completion of a member, warm", "ms"),
    "prints": ("10,000 prints", "ms"),
    "prints lines": ("… lines delivered", ""),
    "stream": ("100,000 lines", "ms"),
    "stream lines": ("… lines delivered", ""),
    "display": ("a display of 20 MB", "ms"),
    "thousand": ("1,000 cells, each after the one before", "ms"),
    "thousand lost": ("… messages lost", ""),
    "memory fresh": ("memory after the first cell", "MB"),
    "memory 5": ("… with tfjs, after 5 cells", "MB"),
    "memory 200": ("… after 200 cells", "MB"),
}
AFTER = ("trivial", "function", "typed", "tfjs", "complete")

TYPESCRIPT = {
    "trivial": "{n} + 1",
    "function": "function double{n}(a: number) {{ return 2 * a + {n}; }}",
    "typed": "interface Shape{n} {{ rows: number; name?: string }}\nconst shape{n}: Shape{n} = {{ rows: {n} }};",
    "tfjs setup": 'import * as tf from "@tensorflow/tfjs";',
    "tfjs": "const mean{n} = tf.tensor1d([1, 2, 3]).mul({n}).mean(); mean{n}.dispose();",
    "complete setup": "const options = {{ learningRate: 1, layers: 2, seed: 3 }};",
    "complete": "options.le",
    "prints": "for (let i = 0; i < {n}; i++) console.log(i);",
}
CODE = {
    "Vitrine": {
        **TYPESCRIPT,
        "import": 'import {{ Random }} from "../lib/tensor";\nnew Random(1).uniform()',
        "display": "(globalThis as any)[Symbol.for('Jupyter.displayHook')].display({{ 'text/plain': 'x'.repeat({n}) }});",
    },
    "tslab": {
        **TYPESCRIPT,
        "import": 'import {{ Random }} from "./lib/tensor";\nnew Random(1).uniform()',
        "display": 'import * as tslab from "tslab";\ntslab.display.text("x".repeat({n}));',
    },
    "Deno": {
        **TYPESCRIPT,
        "import": 'import {{ Random }} from "../lib/tensor/index.ts";\nnew Random(1).uniform()',
        "display": "await Deno.jupyter.display({{ 'text/plain': 'x'.repeat({n}) }}, {{ raw: true }});",
    },
    "ipykernel": {
        "trivial": "{n} + 1",
        "function": "def double{n}(a):\n    return 2 * a + {n}",
        "typed": "from typing import TypedDict\nclass Shape{n}(TypedDict):\n    rows: int\nshape{n}: Shape{n} = {{'rows': {n}}}",
        "complete setup": "class Options: learning_rate, layers, seed = 1, 2, 3\noptions = Options()",
        "complete": "options.le",
        "prints": "for i in range({n}): print(i)",
        "display": "from IPython.display import display\ndisplay({{'text/plain': 'x' * {n}}}, raw=True)",
    },
}


class Measurements:
    def __init__(self):
        self.values = {}

    def add(self, peer, row, *values):
        self.values.setdefault((peer, row), []).extend(values)

    def get(self, peer, row):
        return self.values.get((peer, row), [])


def cold_start(peer, found):
    with peer.start() as kernel:
        info = kernel.send("kernel_info_request", {})
        kernel.wait(lambda: info.reply is not None, 120, "kernel_info_reply")
        found.add(peer.name, "start", 1000 * (time.perf_counter() - kernel.started))
        cell = kernel.execute("1 + 1")
        kernel.wait(lambda: cell.reply is not None, 120, "the first reply")
        if cell.status != "ok":
            raise Lost(f"{peer.name}: expected 1 + 1 to run, got {cell.error()}")
        found.add(peer.name, "first", 1000 * (time.perf_counter() - kernel.started))


def session(peer, found, stops, repeats, thousand):
    code = CODE[peer.name]

    def run(row, n):
        cell = kernel.run(code[row].format(n=n))
        if cell.status != "ok" or (cell.of("error")):
            raise Lost(f"{peer.name}: expected the cell {row!r} to run, got {cell.error()[:500]}")
        return cell

    with peer.start() as kernel:
        start_ready(kernel, 120)
        run("trivial", 1)
        time.sleep(1)
        found.add(peer.name, "memory fresh", kernel.memory_mb())
        run("complete setup", 0)
        rows = [row for row in AFTER if row in code]
        if "tfjs setup" in code:
            try:
                run("tfjs setup", 0)
                run("tfjs", 0)
            except Lost as reason:
                print(f"  {peer.name}: tfjs: {reason}", file=sys.stderr)
                rows.remove("tfjs")
        number = 1
        cells = 0
        for stop in stops:
            while cells < stop:
                cells += 1
                run(("typed", "function")[cells % 2], 10_000 + cells)
            if stop in (stops[0], stops[-1]):
                time.sleep(1)
                found.add(peer.name, "memory 5" if stop == stops[0] else "memory 200", kernel.memory_mb())
            for _ in range(repeats):
                for row in rows:
                    number += 1
                    seconds = kernel.complete(code[row]).reply_seconds if row == "complete" else run(row, number).seconds
                    found.add(peer.name, f"{row} {stop}", 1000 * seconds)
        for row, count in (("prints", 10_000), ("stream", 100_000)):
            cell = kernel.execute(code["prints"].format(n=count))
            kernel.finish(cell)
            kernel.drain(0.5)
            found.add(peer.name, row, 1000 * cell.seconds)
            found.add(peer.name, f"{row} lines", cell.text().count("\n"))
        shown = kernel.run(code["display"].format(n=20_000_000))
        kernel.drain(0.5)
        if any(len(content["data"].get("text/plain", "")) == 20_000_000 for content in shown.of("display_data")):
            found.add(peer.name, "display", 1000 * shown.seconds)
        if thousand:
            count_lost(peer, kernel, found, thousand)

    if "import" in code:
        with peer.start() as kernel:
            start_ready(kernel, 120)
            run("trivial", 1)
            try:
                found.add(peer.name, "import", 1000 * run("import", 0).seconds)
            except Lost as reason:
                print(f"  {peer.name}: import of lib: {reason}", file=sys.stderr)


def count_lost(peer, kernel, found, count):
    """Each cell must bring its reply, its result and `idle`."""
    lost = 0
    began = time.perf_counter()
    waited = 0.0
    for n in range(count):
        cell = kernel.run(f"{n} + 1")
        waited += 0 if cell.idle else 2  # The time-out is the client's, not the kernel's.
        if not cell.idle or str(n + 1) not in cell.shown():
            kernel.drain(0.2)
            lost += (not cell.idle) + (str(n + 1) not in cell.shown())
    found.add(peer.name, "thousand", 1000 * (time.perf_counter() - began - waited) * 1000 / count)
    found.add(peer.name, "thousand lost", lost)


def spread(values):
    ordered = sorted(values)
    pick = lambda share: ordered[round(share * (len(ordered) - 1))]
    return statistics.median(ordered), pick(0.1), pick(0.9)


def figure(value):
    return f"{value:,.1f}" if value < 20 else f"{value:,.0f}"


def print_table(found, peers, stops):
    rows = []
    for row, (title, unit) in ROWS.items():
        if row in AFTER:
            rows += [(f"{row} {stop}", f"{title}, after {stop} cells", unit) for stop in stops]
        else:
            rows.append((row, title, unit))
    others = [peer.name for peer in peers if peer.name != "Vitrine"]
    print("| | " + " | ".join(peer.name for peer in peers) + " | " + " | ".join(f"{name} / Vitrine" for name in others) + " |")
    print("|---|" + "---|" * (len(peers) + len(others)))
    for row, title, unit in rows:
        cells = []
        for peer in peers:
            values = found.get(peer.name, row)
            if not values:
                cells.append("–")
                continue
            middle, low, high = spread(values)
            cells.append(f"{figure(middle)} ({figure(low)}–{figure(high)})" if unit == "ms" else figure(middle) if unit else f"{middle:,.0f}")
        ours = found.get("Vitrine", row)
        for name in others:
            theirs = found.get(name, row)
            both = ours and theirs and unit and statistics.median(ours) > 0
            cells.append(f"{statistics.median(theirs) / statistics.median(ours):.2f}" if both else "")
        print(f"| {title}{f', {unit}' if unit else ''} | " + " | ".join(cells) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2, help="how often all kernels are measured in turn; 2")
    parser.add_argument("--quick", action="store_true", help="few repeats: shows that the benchmark works, not how fast anything is")
    parser.add_argument("--only", action="append", help="only this kernel; may be given several times")
    options = parser.parse_args()
    peers = [peer for peer in all_peers() if peer.name in (options.only or COMPARED)]
    for peer in peers:
        if not peer.is_installed:
            sys.exit(f"speed: expected {peer.name} in {peer.program}, found none (do: npm run bench -- kernel)")
    stops, repeats, starts, rounds, thousand = (2, 5, 10), 2, 1, 1, 20
    if not options.quick:
        stops, repeats, starts, rounds, thousand = (5, 50, 200), 7, 4, options.rounds, 1000
    found = Measurements()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start; " + ", ".join(f"{peer.name} {peer.version}" for peer in peers))
    print(f"medians (10–90%) of {rounds} rounds with {starts} starts and {repeats} cells a row each\n", flush=True)
    for round_number in range(rounds):
        for _ in range(starts):
            for peer in peers:
                cold_start(peer, found)
        for peer in peers:
            session(peer, found, stops, repeats, thousand if round_number == 0 else 0)
    print_table(found, peers, stops)


if __name__ == "__main__":
    main()
