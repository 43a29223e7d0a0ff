"""What probes of kernels are made of: a probe is a function, decorated with its row's title in the table."""

import re
from dataclasses import dataclass
from typing import Callable

HOOK = '(globalThis as any)[Symbol.for("Jupyter.displayHook")]'
YES, NO = "yes", "no"


@dataclass
class Row:
    title: str
    probe: Callable


PROBES = []


def row(title):
    def add(probe):
        PROBES.append(Row(title, probe))
        return probe

    return add


def plain(bench, code):
    """TypeScript without types, for a kernel that has none."""
    if bench.peer.language != "JavaScript":
        return code
    code = re.sub(r"import \{ (\w+) \} from (\"[^\"]+\")", r"const { \1 } = require(\2)", code)
    return re.sub(r"\((\w+): [\w\[\]]+\)(?:: \w+)?", r"(\1)", code).replace("globalThis as any", "globalThis")


def prints(bench, code, expected, timeout=30):
    """Whether the cell runs and `expected` is in what it prints or shows."""
    kernel = bench.get()
    cell = kernel.run(plain(bench, code), timeout)
    kernel.drain(0.1)
    return cell.status == "ok" and not cell.of("error") and expected in cell.shown() and expected not in code


def verdict(*passed):
    if all(passed):
        return YES
    return NO if not any(passed) else "partly"
