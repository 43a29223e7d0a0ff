"""The debugger over real sockets: requests on the control channel, events on IOPub, as JupyterLab's debugger speaks."""

import re
import time

import pytest
from conftest import ROOT, Kernel
from debug_client import TIMEOUT, Debugger


@pytest.fixture(scope="module")
def shared():
    running = Kernel(ROOT / "notebooks")
    yield running
    running.close()


@pytest.fixture
def debugger(shared):
    """A debugger that is on, and off again after the test, whatever it left stopped."""
    running = Debugger(shared)
    running.start()
    yield running
    running.get("disconnect")
    running.event("terminated")


def plain(rich):
    """The text of a shown value, without its colours."""
    return re.sub(r"\x1b\[\d+m", "", rich["data"]["text/plain"])


def where(frame):
    return frame["name"], frame["line"]


def test_kernel_info_and_debug_info_say_that_there_is_a_debugger(shared):
    shared.client.kernel_info()
    info = shared.client.get_shell_msg(timeout=TIMEOUT)["content"]
    assert info["debugger"] is True and "debugger" in info["supported_features"]
    body = Debugger(shared).get("debugInfo")
    assert body["isStarted"] is False and body["breakpoints"] == [] and body["stoppedThreads"] == []
    assert body["hashMethod"] == "Murmur2" and body["richRendering"] is True


def test_a_cells_path_is_the_hash_of_its_text(shared):
    """The reference is the Murmur2 of ipykernel's debugger, which JupyterLab's own agrees with."""
    debugger = Debugger(shared)
    info = debugger.get("debugInfo")
    for code in ["", "a", "ab", "abc", "abcd", "const size = 4;\nsize * 2", "// 🦊 ÅßÇ\n'x'"]:
        expected = f"{info['tmpFilePrefix']}{murmur2(code, info['hashSeed'])}{info['tmpFileSuffix']}"
        assert debugger.get("dumpCell", code=code)["sourcePath"] == expected


def murmur2(text, seed):
    data, mask, m = text.encode(), 0xFFFFFFFF, 0x5BD1E995
    h = seed ^ len(data)
    whole = len(data) & ~3
    for i in range(0, whole, 4):
        k = int.from_bytes(data[i : i + 4], "little") * m & mask
        k = (k ^ k >> 24) * m & mask
        h = (h * m & mask) ^ k
    if data[whole:]:
        h = (h ^ int.from_bytes(data[whole:], "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return h ^ h >> 15


def test_a_breakpoint_in_a_cell_stops_it_with_its_variables(debugger):
    debugger.kernel.run("const earlier = { from: 'another cell' };")
    code = "const size = 4;\nconst names = ['a', 'b'];\n\nconst total = size * 10;\n[total, earlier.from]"
    path = debugger.break_in_cell(code, 4)
    running = debugger.run(code)
    reason, frames = debugger.stop()
    assert reason == "breakpoint"
    assert len(frames) == 1 and frames[0]["line"] == 4 and frames[0]["source"]["path"] == path
    assert frames[0]["name"].startswith("In[")
    variables = debugger.variables(frames[0])
    assert variables["size"]["value"] == "4" and variables["size"]["type"] == "number"
    assert variables["names"]["value"] == "[ 'a', 'b' ]" and variables["names"]["type"] == "Array(2)"
    assert set(variables) <= {"size", "names", "total"}
    inner = debugger.inside(variables["names"])
    assert [(name, each["value"]) for name, each in inner.items()] == [("0", "'a'"), ("1", "'b'")]
    assert debugger.variables(frames[0], "Globals")["earlier"]["value"] == "{ from: 'another cell' }"
    assert debugger.get("debugInfo")["stoppedThreads"] == [1]
    assert debugger.get("source", source={"path": path})["content"] == code
    debugger.go()
    assert debugger.kernel.collect(running).result == "[ 40, 'another cell' ]"
    assert debugger.get("debugInfo")["stoppedThreads"] == []


def test_a_cell_that_runs_again_stops_again_and_an_edited_one_does_not(debugger):
    code = "let again = 1;\nagain += 1;"
    debugger.break_in_cell(code, 2)
    for _ in range(2):
        running = debugger.run(code)
        assert where(debugger.stop()[1][0])[1] == 2
        debugger.go()
        debugger.kernel.collect(running)
    assert debugger.kernel.run(code + "\nagain").result == "2"


def test_the_first_line_has_its_own_place_whatever_the_compiler_wrote_before_it(debugger):
    debugger.kernel.run("const base = 3;")
    code = "const first = base + 1; const second = first;\nsecond"
    debugger.break_in_cell(code, 1)
    running = debugger.run(code)
    frame = debugger.stop()[1][0]
    assert frame["line"] == 1 and frame["column"] < 20
    debugger.go("next")
    assert debugger.stop()[1][0]["line"] == 2
    debugger.go()
    assert debugger.kernel.collect(running).result == "4"


def test_steps_over_lines_and_awaits_into_functions_and_out(debugger):
    code = (
        "function double(x: number): number {\n  const result = x * 2;\n  return result;\n}\n"
        "let value = double(1);\n"
        "await new Promise((go) => setTimeout(go, 30));\n"
        "value = double(value);\n"
        "value"
    )
    debugger.break_in_cell(code, 5)
    running = debugger.run(code)
    assert debugger.stop()[1][0]["line"] == 5
    debugger.go("stepIn")
    reason, frames = debugger.stop()
    assert reason == "step" and where(frames[0]) == ("double", 2) and frames[1]["line"] == 5
    assert debugger.variables(frames[0])["x"]["value"] == "1"
    debugger.go("next")
    assert where(debugger.stop()[1][0]) == ("double", 3)
    debugger.go("stepOut")
    assert debugger.stop()[1][0]["line"] in (5, 6)
    lines = []
    while not lines or lines[-1] < 8:
        debugger.go("next")
        lines.append(debugger.stop()[1][0]["line"])
    assert lines[-2:] == [7, 8]
    debugger.go("next")
    assert debugger.kernel.collect(running).result == "4"
    assert debugger.kernel.run("1 + 1").result == "2"


def test_a_step_into_lib_shows_its_typescript(debugger):
    code = 'import { Random } from "../lib/tensor/random";\nconst random = new Random(7);\nconst drawn = random.int(10);\ndrawn'
    debugger.break_in_cell(code, 3)
    running = debugger.run(code)
    debugger.stop()
    debugger.go("stepIn")
    frames = debugger.stop()[1]
    path = str(ROOT / "lib" / "tensor" / "random.ts")
    assert frames[0]["source"]["path"] == path and frames[1]["line"] == 3
    text = (ROOT / "lib" / "tensor" / "random.ts").read_text()
    assert debugger.get("source", source={"path": path})["content"] == text
    signature = next(i for i, line in enumerate(text.splitlines(), 1) if line.strip().startswith("int("))
    assert 0 <= frames[0]["line"] - signature <= 2 and "int" in frames[0]["name"]
    assert {each["path"] for each in debugger.get("modules")["modules"]} >= {path}
    debugger.go("stepOut")
    assert debugger.stop()[1][0]["line"] in (3, 4)
    debugger.go()
    debugger.kernel.collect(running)


def test_a_breakpoint_in_a_file_stops_before_it_is_loaded_and_after(debugger, tmp_path):
    file = tmp_path / "measure.ts"
    file.write_text(
        "/** A file of the person's own. */\ninterface Box { side: number }\n\nconst unit: number = 2;\n\n"
        "export function area({ side }: Box): number {\n  const squared = side * side;\n  return squared * unit;\n}\n"
    )
    debugger.break_in_file(str(file), 4, 8)
    running = debugger.run(f'import {{ area }} from "{tmp_path}/measure";\nconst found = area({{ side: 3 }});\nfound')
    assert debugger.stop()[1][0]["line"] == 4
    debugger.go()
    frames = debugger.stop()[1]
    assert where(frames[0]) == ("area", 8) and frames[1]["line"] == 2
    variables = debugger.variables(frames[0])
    assert {name: each["value"] for name, each in variables.items()} == {"side": "3", "squared": "9"}
    assert debugger.variables(frames[0], "Closure")["unit"]["value"] == "2"
    debugger.go()
    assert debugger.kernel.collect(running).result == "18"
    moved = debugger.break_in_file(str(file), 2)["breakpoints"]
    assert [each["line"] for each in moved] == [4]
    debugger.break_in_file(str(file))
    assert debugger.kernel.run("area({ side: 1 })").result == "2"


def test_a_condition_chooses_when_a_breakpoint_stops(debugger):
    code = "let sum = 0;\nfor (let i = 0; i < 100; i += 1) {\n  sum += i;\n}\nsum"
    path = debugger.get("dumpCell", code=code)["sourcePath"]
    debugger.break_in_file(path, 3, condition="i === 42")
    running = debugger.run(code)
    frame = debugger.stop()[1][0]
    assert debugger.variables(frame)["i"]["value"] == "42"
    debugger.go()
    assert debugger.kernel.collect(running).result == "4950"


def test_expressions_see_locals_imports_and_names_of_other_cells_and_can_assign(debugger):
    debugger.kernel.run("let factor = 5;\nconst fixed = 1;")
    code = 'import { Random } from "../lib/tensor/random";\nlet local = 2;\nconst product = local * factor;\nproduct'
    debugger.break_in_cell(code, 3)
    running = debugger.run(code)
    frame = debugger.stop()[1][0]

    def value(expression):
        return debugger.get("evaluate", expression=expression, frameId=frame["id"], context="repl")["result"]

    assert value("local + factor") == "7"
    assert value("typeof Random") == "'function'"
    assert value("{ a: local }") == "{ a: 2 }"
    assert value("factor = 6") == "6" and value("local = 3") == "3"
    failed = debugger.ask("evaluate", expression="nowhere + 1", frameId=frame["id"])
    assert failed["success"] is False and "nowhere is not defined" in failed["message"]
    scopes = debugger.get("scopes", frameId=frame["id"])["scopes"]
    changed = debugger.get("setVariable", variablesReference=scopes[0]["variablesReference"], name="local", value="local + 1")
    assert changed["value"] == "4"
    debugger.go()
    assert debugger.kernel.collect(running).result == "24"
    assert debugger.kernel.run("factor").result == "6"


def test_values_are_listed_in_a_line_and_getters_are_not_called(debugger):
    code = (
        'import { tf } from "../lib/tensor";\n'
        "let calls = 0;\n"
        "class Point { x = 1; #hidden = 2; get far() { calls += 1; return calls; } at() { return this.#hidden; } }\n"
        "const point = new Point();\n"
        "const lazy = { get value() { calls += 1; return calls; } };\n"
        "const tensor = tf.zeros([300, 400]);\n"
        "const many = Float32Array.from({ length: 25_000 }, (_, i) => i);\n"
        "const pairs = new Map([['k', { deep: { deeper: 1 } }]]);\n"
        "calls"
    )
    debugger.break_in_cell(code, 9)
    running = debugger.run(code)
    variables = debugger.variables(debugger.stop()[1][0])
    assert variables["tensor"]["value"] == "Tensor float32 [300, 400]"
    assert variables["point"]["type"] == "Point"
    inner = debugger.inside(variables["point"])
    assert inner["x"]["value"] == "1" and inner["#hidden"]["value"] == "2"
    assert debugger.inside(variables["lazy"])["value"]["value"] == "(getter)"
    assert len(variables["many"]["value"]) <= 300 and variables["many"]["type"] == "Float32Array(25000)"
    thousands = debugger.inside(variables["many"])
    assert list(thousands)[:2] == ["0 … 9999", "10000 … 19999"]
    hundreds = debugger.inside(thousands["20000 … 24999"])
    assert debugger.inside(hundreds["24900 … 24999"])["24999"]["value"] == "24999"
    pair = debugger.inside(debugger.inside(variables["pairs"])["0"])
    assert pair["key"]["value"] == "'k'" and debugger.inside(pair["value"])["deep"]["value"] == "{ deeper: 1 }"
    debugger.go()
    assert debugger.kernel.collect(running).result == "0"


def test_uncaught_errors_stop_where_they_are_thrown_and_caught_ones_only_if_asked(debugger):
    code = (
        "async function load(n: number) {\n  await null;\n  if (n > 1) throw new RangeError(`bad ${n}`);\n  return n;\n}\n"
        "let caught = '';\ntry { await load(2); } catch (error) { caught = String(error); }\n"
        "await load(3);"
    )
    debugger.get("setExceptionBreakpoints", filters=["uncaught"])
    running = debugger.run(code)
    body = debugger.event("stopped")
    assert body["reason"] == "exception" and body["text"] == "RangeError: bad 3"
    frame = debugger.frames()[0]
    assert where(frame) == ("load", 3) and debugger.variables(frame)["n"]["value"] == "3"
    assert debugger.get("exceptionInfo", threadId=1)["breakMode"] == "unhandled"
    debugger.go()
    cell = debugger.kernel.collect(running)
    assert (cell.reply["ename"], cell.reply["evalue"]) == ("RangeError", "bad 3")

    debugger.get("setExceptionBreakpoints", filters=["all"])
    running = debugger.run(code)
    texts = []
    for _ in range(2):
        texts.append(debugger.event("stopped")["text"])
        debugger.go()
    assert texts == ["RangeError: bad 2", "RangeError: bad 3"]
    debugger.kernel.collect(running)

    debugger.get("setExceptionBreakpoints", filters=[])
    assert debugger.kernel.run("throw new Error('plain')").reply["evalue"] == "plain"


def test_a_running_loop_can_be_paused(debugger):
    running = debugger.run("let turns = 0;\nwhile (turns >= 0) {\n  turns += 1;\n}\n'over'")
    time.sleep(1)
    debugger.go("pause")
    reason, frames = debugger.stop()
    assert reason == "pause" and frames[0]["line"] in (2, 3)
    debugger.get("evaluate", expression="turns = -10", frameId=frames[0]["id"])
    debugger.go()
    assert debugger.kernel.collect(running).result == "'over'"


def test_the_notebooks_variables_are_listed_without_a_stop(debugger):
    debugger.kernel.run("const listed = { a: [1, 2] };\nfunction helper() {}")
    variables = {each["name"]: each for each in debugger.get("inspectVariables")["variables"]}
    assert variables["listed"]["value"] == "{ a: [ 1, 2 ] }" and variables["helper"]["value"] == "function helper"
    assert debugger.inside(variables["listed"])["a"]["value"] == "[ 1, 2 ]"
    rich = debugger.get("richInspectVariables", variableName="listed")
    assert plain(rich) == "{ a: [ 1, 2 ] }"


def test_a_variable_is_copied_to_the_notebook(debugger):
    code = "function inner() {\n  const secret = [1, 2, 3];\n  return secret.length;\n}\ninner()"
    debugger.break_in_cell(code, 3)
    running = debugger.run(code)
    frame = debugger.stop()[1][0]
    rich = debugger.get("richInspectVariables", variableName="secret", frameId=frame["id"])
    assert plain(rich) == "[ 1, 2, 3 ]"
    debugger.get("copyToGlobals", srcVariableName="secret", dstVariableName="copied", srcFrameId=frame["id"])
    debugger.go()
    assert debugger.kernel.collect(running).result == "3"
    assert debugger.kernel.run("copied").result == "[ 1, 2, 3 ]"


def test_everything_else_answers_while_a_cell_is_stopped(debugger):
    code = "const held = 1;\nheld"
    debugger.break_in_cell(code, 2)
    running = debugger.run(code)
    debugger.stop()
    assert debugger.kernel.client.is_alive() and debugger.kernel.client.hb_channel.is_beating()
    message = debugger.kernel.client.session.msg("kernel_info_request", {})
    debugger.kernel.client.control_channel.send(message)
    assert debugger.kernel.client.get_control_msg(timeout=TIMEOUT)["content"]["status"] == "ok"
    debugger.go()
    assert debugger.kernel.collect(running).result == "1"


def test_an_interrupt_ends_a_stopped_cell(debugger):
    code = "let spins = 0;\nfor (;;) {\n  spins += 1;\n}"
    debugger.break_in_cell(code, 3)
    running = debugger.run(code)
    debugger.stop()
    debugger.kernel.manager.interrupt_kernel()
    assert debugger.kernel.collect(running).reply["ename"] == "KeyboardInterrupt"
    assert debugger.kernel.run("spins").result == "0"
    running = debugger.run(code.replace("for (;;)", "for (let i = 0; i < 2; i += 1)"))
    assert debugger.kernel.collect(running).reply["status"] == "ok"
    running = debugger.run(code)
    assert debugger.stop()[0] == "breakpoint"
    debugger.kernel.manager.interrupt_kernel()
    assert debugger.kernel.collect(running).reply["ename"] == "KeyboardInterrupt"


def test_a_disconnect_lets_a_stopped_cell_run_on(shared):
    debugger = Debugger(shared)
    debugger.start()
    code = "const parked = 5;\nparked + 1"
    debugger.break_in_cell(code, 2)
    running = debugger.run(code)
    debugger.stop()
    debugger.get("disconnect")
    assert shared.collect(running).result == "6"
    assert debugger.get("debugInfo")["isStarted"] is False
    refused = debugger.ask("setBreakpoints", source={"path": "x.ts"}, breakpoints=[])
    assert refused["success"] is False and "got none" in refused["message"]
    assert shared.run(code).result == "6"


def test_a_kernel_that_is_shut_down_while_a_cell_is_stopped_runs_no_further_line(tmp_path):
    kernel = Kernel(tmp_path)
    debugger = Debugger(kernel)
    debugger.start()
    code = 'import { writeFileSync } from "node:fs";\nlet parked = 1;\nwriteFileSync("ran", "");'
    debugger.break_in_cell(code, 3)
    debugger.run(code)
    debugger.stop()
    kernel.close()
    assert not kernel.manager.is_alive()
    assert not (tmp_path / "ran").exists()


def test_an_unknown_request_is_refused_with_its_name(shared):
    reply = Debugger(shared).ask("fly")
    assert reply["success"] is False and reply["message"].endswith("got fly")
