"""
Runs the same small notebooks against each kernel and prints the table of what works: `python features.py [--only NAME] [--row TEXT]`.

A probe gets a running kernel and returns "yes", "no" or "partly (why)". Where kernels have different words for the same thing, a
probe knows each kernel's own; what takes a word that a kernel does not have is a no.
"""

import argparse
import sys
import tempfile
import traceback
from pathlib import Path

# Importing probes adds their rows to PROBES, in the table's order.
import cell_probes  # noqa: F401
import protocol_probes  # noqa: F401
from client import Lost, start_ready
from conformance import conformance
from peers import ROOT, all_peers
from probe import PROBES

COMPARED = ("Vitrine", "tslab", "Deno", "ijavascript")

#: A package that is an ES module only, with an `exports` map and types, and modules beside the notebook.
FILES = {
    "package.json": '{"private": true, "dependencies": {"esm-only": "1.0.0", "common": "1.0.0"}}',
    "node_modules/esm-only/package.json": '{"name": "esm-only", "version": "1.0.0", "type": "module", "exports": {"./voice": {"types": "./voice.d.ts", "import": "./voice.js"}}}',
    "node_modules/esm-only/voice.js": "export const shout = (text) => text.toUpperCase();\n",
    "node_modules/esm-only/voice.d.ts": "export declare const shout: (text: string) => string;\n",
    "node_modules/common/package.json": '{"name": "common", "version": "1.0.0", "main": "./index.js", "types": "./index.d.ts"}',
    "node_modules/common/index.js": "exports.triple = (n) => 3 * n;\n",
    "node_modules/common/index.d.ts": "export declare const triple: (n: number) => number;\n",
    "data.json": '{"answer": 42}',
}


class Bench:
    """Gives probes a kernel: the same one until a probe breaks it or asks for a fresh one."""

    def __init__(self, peer, folder):
        self.peer, self.folder = peer, folder
        self.kernel = None

    def fresh(self):
        self.close()
        self.peer.cwd = self.folder
        self.kernel = self.peer.start()
        start_ready(self.kernel, 120)
        self.kernel.run("1 + 1")
        return self.kernel

    def get(self):
        if self.kernel is not None and self.kernel.is_alive():
            self.kernel.drain(0.05)
            return self.kernel
        return self.fresh()

    def close(self):
        if self.kernel is not None:
            self.kernel.close()
            self.kernel = None


def run_all(peer, rows):
    verdicts = {}
    # Inside of the clone, so that a kernel which looks upwards for packages finds the clone's.
    parent = ROOT / ".vitrine" / "bench"
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="work-", dir=parent) as folder:
        for name, text in FILES.items():
            file = Path(folder) / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        bench = Bench(peer, Path(folder))
        for row in rows:
            try:
                verdicts[row.title] = row.probe(bench)
            except Lost as reason:
                verdicts[row.title] = "no"
                print(f"  {peer.name}: {row.title}: {str(reason)[:300]}", file=sys.stderr)
                bench.close()
            except Exception:
                print(f"  {peer.name}: {row.title}: the probe itself failed", file=sys.stderr)
                traceback.print_exc()
                verdicts[row.title] = "the probe failed"
                bench.close()
        bench.close()
    return verdicts


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", help="only this kernel; may be given several times")
    parser.add_argument("--row", help="only rows with this text in their title")
    options = parser.parse_args()
    peers = [peer for peer in all_peers() if peer.name in (options.only or COMPARED)]
    for peer in peers:
        if not peer.is_installed:
            sys.exit(f"features: expected {peer.name} in {peer.program}, found none (do: npm run bench -- kernel-features)")
    rows = [row for row in PROBES if not options.row or options.row.lower() in row.title.lower()]
    verdicts = {peer.name: run_all(peer, rows) for peer in peers}
    print("| | " + " | ".join(f"{peer.name} {peer.version}" for peer in peers) + " |")
    print("|---|" + "---|" * len(peers))
    for row in rows:
        print(f"| {row.title} | " + " | ".join(verdicts[peer.name][row.title] for peer in peers) + " |")
    if not options.row:
        print("| `jupyter_kernel_test` 0.7: passed / failed / skipped | " + " | ".join(conformance(peer) for peer in peers) + " |")


if __name__ == "__main__":
    main()
