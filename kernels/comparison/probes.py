"""What is looked at in each kernel, a function a row of the table."""

import re
import time
from dataclasses import dataclass
from typing import Callable

from client import Lost

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


@row("completion knows the types of earlier cells")
def _(bench):
    kernel = bench.get()
    kernel.run("const settings = { learningRate: 1, layers: [1] };")
    matches = kernel.complete("settings.le").reply["content"].get("matches", [])
    return verdict(any(match.endswith("learningRate") for match in matches))


@row("completion of what the same cell declares, not yet run")
def _(bench):
    matches = bench.get().complete("const fresh = { alphabet: 1 };\nfresh.al").reply["content"].get("matches", [])
    return verdict(any(match.endswith("alphabet") for match in matches))


@row("completion offsets right after an emoji")
def _(bench):
    kernel = bench.get()
    code = "/* 🦊 */ settings.le"
    content = kernel.complete(code).reply["content"]
    matches, start, end = content.get("matches", []), content.get("cursor_start"), content.get("cursor_end")
    if not matches:
        return NO
    whole = code[:start] + matches[0] + code[end:]
    return verdict(whole == "/* 🦊 */ settings.learningRate")


@row("inspection shows signature and documentation")
def _(bench):
    kernel = bench.get()
    kernel.run(plain(bench, "/** Doubles what it is given. */\nfunction doubled(x: number): number { return 2 * x; }"))
    content = kernel.ask("inspect_request", {"code": "doubled(3)", "cursor_pos": 3, "detail_level": 0}).reply["content"]
    text = str(content.get("data", {}))
    return verdict(content.get("found") and "doubled" in text, "Doubles what it is given" in text)


@row("completeness with indent (consoles)")
def _(bench):
    content = bench.get().ask("is_complete_request", {"code": "if (true) {"}).reply["content"]
    done = bench.get().ask("is_complete_request", {"code": "1 + 1"}).reply["content"]
    return verdict(content.get("status") == "incomplete" and done.get("status") == "complete", bool(content.get("indent", "").strip(" ") == "" and content.get("indent")))


@row("history, also of earlier sessions")
def _(bench):
    kernel = bench.fresh()
    kernel.run("const remembered = 4242;")
    ask = {"hist_access_type": "tail", "n": 20, "output": False, "raw": True}
    here = "4242" in str(kernel.ask("history_request", ask).reply["content"].get("history"))
    kernel.ask("shutdown_request", {"restart": False}, "control")
    later = "4242" in str(bench.fresh().ask("history_request", ask).reply["content"].get("history"))
    return verdict(here, later) if here else NO


ASK = {
    "Vitrine": "const name = await input('name? ');\nconsole.log('hello', name)",
    "tslab": "const name = prompt('name? ');\nconsole.log('hello', name)",
    "Deno": "const name = prompt('name? ');\nconsole.log('hello', name)",
    "ijavascript": "$$.async(); $$.input({ prompt: 'name? ' }, (error, reply) => { console.log('hello', reply.input ?? reply); $$.done(); });",
}


@row("a cell asks the person (stdin)")
def _(bench):
    kernel = bench.get()
    cell = kernel.execute(ASK[bench.peer.name], allow_stdin=True)
    kernel.wait(lambda: cell.of("input_request") or cell.reply is not None, 10, "a question")
    if not cell.of("input_request"):
        return NO
    kernel.session.send(kernel.sockets["stdin"], kernel.session.msg("input_reply", {"value": "Ada", "status": "ok"}))
    kernel.finish(cell, 10)
    kernel.drain(0.3)
    return verdict("hello Ada" in cell.text())


@row("debugger (`debug_request`)")
def _(bench):
    kernel = bench.fresh()
    told = kernel.ask("kernel_info_request", {}).reply["content"]
    if not told.get("debugger") and "debugger" not in told.get("supported_features", []):
        return NO
    asked = {"type": "request", "command": "initialize", "seq": 1, "arguments": {"clientID": "probe", "adapterID": "", "pathFormat": "path"}}
    started = kernel.ask("debug_request", asked, "control").reply["content"].get("success")
    dumped = kernel.ask("debug_request", {"type": "request", "command": "dumpCell", "seq": 2, "arguments": {"code": "const before = 41;\nconst after = before + 1;"}}, "control").reply["content"]
    where = dumped.get("body", {}).get("sourcePath")
    kernel.ask("debug_request", {"type": "request", "command": "setBreakpoints", "seq": 3, "arguments": {"source": {"path": where}, "breakpoints": [{"line": 2}]}}, "control")
    kernel.ask("debug_request", {"type": "request", "command": "configurationDone", "seq": 4, "arguments": {}}, "control")
    cell = kernel.execute("const before = 41;\nconst after = before + 1;")
    stopped = lambda: any(message["msg_type"] == "debug_event" and message["content"].get("event") == "stopped" for message in kernel.other) or any(
        content.get("event") == "stopped" for known in kernel.cells.values() for content in known.of("debug_event")
    )
    kernel.wait(lambda: stopped() or cell.reply is not None, 20, "a stop")
    held = stopped() and cell.reply is None
    kernel.ask("debug_request", {"type": "request", "command": "continue", "seq": 5, "arguments": {"threadId": 1}}, "control")
    kernel.finish(cell, 20)
    bench.close()
    return verdict(started and held)


@row("control channel answers while a cell is busy")
def _(bench):
    kernel = bench.get()
    cell = kernel.execute("var until2 = Date.now() + 3000; while (Date.now() < until2);")
    time.sleep(0.5)
    answer = kernel.send("kernel_info_request", {}, "control")
    kernel.wait(lambda: answer.reply is not None, 20, "kernel_info_reply on control")
    early = cell.reply is None and answer.reply_seconds < 2
    kernel.finish(cell, 20)
    return verdict(early)


@row("`stop_on_error`: cells sent behind a failing one are aborted")
def _(bench):
    kernel = bench.get()
    first, second = kernel.execute("throw new Error('first')"), kernel.execute("1 + 1")
    kernel.finish(first, 20)
    kernel.finish(second, 20)
    return verdict(second.status == "aborted")


@row("a forged message is dropped, its right signature is not printed")
def _(bench):
    kernel = bench.fresh()
    content = {"code": "process.exit(1)", "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False, "stop_on_error": True}
    frames = kernel.session.serialize(kernel.session.msg("execute_request", content))
    expected = frames[1].decode()
    kernel.sockets["shell"].send_multipart([frames[0], b"0" * len(expected), *frames[2:]])
    try:
        alive = kernel.run("1 + 1", 10).status == "ok"
    except Lost:
        alive = False
    kernel.drain(0.5)
    # A kernel that catches what it prints itself shows it in the notebook.
    told = [kernel.printed(), *(known.shown() + known.error() for known in kernel.cells.values()), *(str(message["content"]) for message in kernel.other)]
    leaks = any(expected in text for text in told)
    bench.close()
    return "no (it dies)" if not alive else "partly (prints it)" if leaks else YES


MAGIC = {"time": ("%%time\nfor (let i = 0; i < 10; i++);", re.compile(r"time|ms|µs", re.I)), "shell": ("!echo shell-$((40 + 2))", re.compile("shell-42"))}


@row("`%%time` and `!command`")
def _(bench):
    passed = []
    for code, pattern in MAGIC.values():
        cell = bench.get().run(code)
        bench.get().drain(0.2)
        passed.append(cell.status == "ok" and not cell.of("error") and not cell.text("stderr") and pattern.search(cell.shown()) is not None)
    return verdict(*passed)


@row("memory and CPU in JupyterLab's status bar (`usage_request`)")
def _(bench):
    kernel = bench.get()
    asked = kernel.send("usage_request", {}, "control")
    try:
        kernel.wait(lambda: asked.reply is not None, 3, "usage_reply")
    except Lost:
        return NO
    return verdict(asked.reply["content"].get("kernel_memory", 0) > 1e6)


@row("shutdown is answered, and ends a busy kernel within 5 s")
def _(bench):
    kernel = bench.fresh()
    kernel.execute("for (;;);")
    time.sleep(0.7)
    asked = kernel.send("shutdown_request", {"restart": False}, "control")
    end = time.perf_counter() + 5
    while kernel.is_alive() and time.perf_counter() < end:
        kernel.pump(0.05)
    ended = not kernel.is_alive()
    bench.close()
    return verdict(asked.reply is not None, ended) if ended else NO


#: A slider, and a line that prints its value.
WIDGET = {
    "Vitrine": ('import { widgets } from "../lib/notebook";\nconst slider = widgets.intSlider({ value: 3 });\nslider', "console.log('value', slider.value)"),
}


@row("widgets of ipywidgets, both ways (comms)")
def _(bench):
    if bench.peer.name not in WIDGET:
        return NO
    make, read = WIDGET[bench.peer.name]
    kernel = bench.get()
    cell = kernel.run(make)
    kernel.drain(0.2)
    opened = cell.of("comm_open")
    slider = [content for content in opened if content["data"].get("state", {}).get("_model_name") == "IntSliderModel"]
    if not slider:
        return NO
    update = {"comm_id": slider[0]["comm_id"], "data": {"method": "update", "state": {"value": 42}, "buffer_paths": []}}
    kernel.send("comm_msg", update)
    kernel.drain(0.2)
    return verdict(True, "value 42" in kernel.run(read).text())
