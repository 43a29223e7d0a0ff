"""Probes of what a front end asks of a kernel: help while typing, history, questions, control, widgets."""

import re
import time

from client import Lost
from probe import NO, YES, plain, prints, row, verdict


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
