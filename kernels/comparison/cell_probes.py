"""Probes of cells: what they may say, import, show and print, and how they are interrupted."""

import re
import time

from client import Lost
from probe import HOOK, NO, YES, plain, prints, row, verdict


@row("top-level `await`")
def _(bench):
    return verdict(prints(bench, "const awaited = await Promise.resolve(20);\nconsole.log('got', awaited + 22)", "got 42"))


@row("`const`, function, class declared again in a later cell")
def _(bench):
    kernel = bench.get()
    for code in ("const again = 1; function twice(n: number) { return n; } class Box { a = 1 }", "const again = 20; function twice(n: number) { return 2 * n; } class Box { a = 2 }"):
        kernel.run(plain(bench, code))
    return verdict(prints(bench, "console.log('got', twice(again) + new Box().a)", "got 42"))


@row("a type error stops the cell before it runs")
def _(bench):
    cell = bench.get().run("console.log('it ran');\nconst wrong: number = 'text';")
    return verdict("is not assignable to type 'number'" in cell.error() and "it ran" not in cell.text())


@row("`strict` types, from the project's tsconfig.json")
def _(bench):
    cell = bench.get().run("function lengthOf(text?: string) { return text.length; }")
    return verdict("possibly 'undefined'" in cell.error())


@row("a cell can opt out of type checking (`// @ts-nocheck`)")
def _(bench):
    if bench.peer.language == "JavaScript":
        return "no types"
    return verdict(prints(bench, "// @ts-nocheck\nconst loose: number = 'tex';\nconsole.log(loose + 't')", "text"))


@row("ES-module-only package with an `exports` map")
def _(bench):
    return verdict(prints(bench, 'import { shout } from "esm-only/voice";\nconsole.log(shout("got it"))', "GOT IT"))


@row("CommonJS package")
def _(bench):
    return verdict(prints(bench, 'import { triple } from "common";\nconsole.log("got", triple(14))', "got 42"))


@row("TypeScript file beside the notebook")
def _(bench):
    (bench.folder / "helper.ts").write_text("export const half = (n: number): number => n / 2;\n")
    plain_import = prints(bench, 'import { half } from "./helper";\nconsole.log("got", half(84))', "got 42")
    if plain_import:
        return YES
    return "partly (with its extension)" if prints(bench, 'import { half } from "./helper.ts";\nconsole.log("got", half(84))', "got 42") else NO


@row("that file edited: the next import has the new code, and variables stay")
def _(bench):
    kernel = bench.get()
    kernel.run(plain(bench, "const keptBeside = 1;"))
    extension = "" if bench.peer.name != "Deno" else ".ts"
    file = bench.folder / "hot.ts"
    file.write_text("export const heat = 1;\n")
    code = f'import {{ heat }} from "./hot{extension}";\nconsole.log("heat", heat + keptBeside)'
    first = prints(bench, code, "heat 2")
    time.sleep(1.1)
    file.write_text("export const heat = 41;\n")
    return verdict(first and prints(bench, code, "heat 42"))


@row("JSON import")
def _(bench):
    for attributes in ("", ' with { type: "json" }'):
        if prints(bench, f'import data from "./data.json"{attributes};\nconsole.log("got", data.answer)', "got 42"):
            return YES if not attributes else "partly (with an attribute)"
    return verdict(bench.peer.language == "JavaScript" and prints(bench, 'console.log("got", require("./data.json").answer)', "got 42"))


@row("`execute_result` for the last expression")
def _(bench):
    results = bench.get().run("40 + 2").of("execute_result")
    return verdict(len(results) == 1 and results[0]["data"].get("text/plain") == "42")


@row("a last expression that is a promise is awaited")
def _(bench):
    return verdict(prints(bench, "new Promise((resolve) => setTimeout(() => resolve(6 * 7), 20))", "42"))


RICH = {
    "Vitrine": '({ [Symbol.for("Jupyter.display")]: () => ({ "text/html": "<b>rich</b>" }) })',
    "tslab": 'import * as tslab from "tslab";\ntslab.display.html("<b>rich</b>");',
    "Deno": '({ [Symbol.for("Jupyter.display")]: () => ({ "text/html": "<b>rich</b>" }) })',
    "ijavascript": '$$.html("<b>rich</b>");',
}


@row("rich output (HTML, images)")
def _(bench):
    kernel = bench.get()
    cell = kernel.run(RICH[bench.peer.name])
    kernel.drain(0.1)
    return verdict(any(content["data"].get("text/html") == "<b>rich</b>" for content in cell.of("display_data") + cell.of("execute_result")))


UPDATE = {
    "Vitrine": f"{HOOK}.display({{ 'text/plain': 'old' }}, {{}}, 'bar');\n{HOOK}.update('bar', {{ 'text/plain': 'new' }});",
    "Deno": "await Deno.jupyter.broadcast('display_data', { data: { 'text/plain': 'old' }, metadata: {}, transient: { display_id: 'bar' } });\nawait Deno.jupyter.broadcast('update_display_data', { data: { 'text/plain': 'new' }, metadata: {}, transient: { display_id: 'bar' } });",
    "ijavascript": "var shown = $$.display('bar');\nshown.text('old');\nshown.text('new');",
}


@row("a display that is updated in place")
def _(bench):
    if bench.peer.name not in UPDATE:
        return NO
    kernel = bench.get()
    cell = kernel.run(UPDATE[bench.peer.name])
    kernel.drain(0.2)
    return verdict(any(content["data"].get("text/plain") == "new" for content in cell.of("update_display_data")))


@row("an error is an `error` message whose traceback names the cell's line")
def _(bench):
    kernel = bench.get()
    cell = kernel.run(plain(bench, "function fail(n: number): never {\n\n  throw new RangeError('bad ' + n);\n}\nfail(4)"))
    kernel.drain(0.2)
    errors = cell.of("error")
    told = bool(errors) and errors[0].get("ename") == "RangeError" and errors[0].get("evalue") == "bad 4"
    lined = re.search(r"\D3\D", "\n".join(errors[0].get("traceback", [])) if errors else "") is not None
    return YES if told and lined else "partly (without its line)" if told else "no (text on stderr)" if "bad 4" in cell.text("stderr") else NO


@row("an error in a timer or a stray promise is reported, and the kernel lives")
def _(bench):
    kernel = bench.get()
    cell = kernel.run("setTimeout(() => { throw new Error('late error') }, 10);\nPromise.reject(new Error('stray error'));\nvoid 0;")
    for _ in range(10):
        kernel.drain(0.1)
    said = cell.shown() + cell.error() + "".join(str(message["content"]) for message in kernel.other)
    alive = kernel.is_alive() and kernel.run("20 + 22", 10).status == "ok"
    if not alive:
        bench.close()
        return "no (it ends)"
    reported = [word for word in ("late error", "stray error") if word in said]
    return YES if len(reported) == 2 else f"partly ({' and '.join(word.split()[0] for word in reported)} only)" if reported else "no (unreported)"


def interrupted(bench, code, after=None, wait=1.0):
    """Runs a cell that does not end, interrupts it, and looks whether the kernel and its variables are still there."""
    kernel = bench.fresh()
    try:
        kernel.run(plain(bench, "var keptValue = 40; var ticks = 0;"))
        cell = kernel.execute(code)
        kernel.drain(0.2)
        time.sleep(wait)
        if cell.reply is not None:
            return NO
        kernel.interrupt()
        try:
            kernel.finish(cell, 8)
        except Lost:
            return "no (it dies)" if not kernel.is_alive() else "no (it does not end)"
        time.sleep(0.3)
        kernel.drain(0.1)
        if not kernel.is_alive():
            return "no (it dies)"
        kept = kernel.run("console.log('kept', keptValue + 2)", 10)
        if "kept 42" not in kept.text():
            return "no (variables are lost)"
        return after(kernel) if after else YES
    except Lost:
        return "no (it dies)" if not kernel.is_alive() else "no (it hangs)"
    finally:
        bench.close()


@row("interrupt of a busy loop; variables kept")
def _(bench):
    alone = interrupted(bench, "for (;;) ticks++;", wait=1.5)
    if alone != YES or bench.peer.language == "JavaScript":
        return alone
    behind = interrupted(bench, "await new Promise((resolve) => setTimeout(resolve, 300));\nfor (;;) ticks++;", wait=1.8)
    return YES if behind == YES else "partly (not after an `await`)"


def no_further_step(kernel):
    first = kernel.run("console.log('ticks', ticks)", 10).text()
    time.sleep(0.4)
    second = kernel.run("console.log('ticks', ticks)", 10).text()
    return YES if first == second else "no (the loop goes on unseen)"


@row("interrupt of an awaited loop; it runs no further step")
def _(bench):
    loop = "for (;;) { await new Promise((resolve) => setTimeout(resolve, 5)); ticks++; }"
    if bench.peer.language == "JavaScript":
        loop = f"$$.async(); (async () => {{ {loop} }})()"
    return interrupted(bench, f"{loop}", no_further_step)


@row("interrupt of an `await` that never settles")
def _(bench):
    wait = "await new Promise(() => {});" if bench.peer.language == "TypeScript" else "$$.async();"
    return interrupted(bench, f"{wait}")


@row("print of a synchronous loop appears while it runs")
def _(bench):
    kernel = bench.get()
    cell = kernel.execute("console.log('early');\nvar until = Date.now() + 2500; while (Date.now() < until);")
    kernel.wait(lambda: "early" in cell.text() or cell.reply is not None, 20, "a print")
    prompt = cell.reply is None
    kernel.finish(cell, 30)
    return verdict(prompt)


@row("10,000 prints arrive whole")
def _(bench):
    kernel = bench.get()
    cell = kernel.run("for (let i = 0; i < 10000; i++) console.log('line', i);", 60)
    kernel.drain(1)
    lines = cell.text().count("\n")
    return YES if lines == 10_000 else f"no ({lines:,} lines)"
