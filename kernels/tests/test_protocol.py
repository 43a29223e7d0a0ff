"""Jupyter's messages, one by one, over real sockets."""

import json

import psutil
import pytest
from conftest import ROOT, Kernel

HOOK = 'const hook = (globalThis as any)[Symbol.for("Jupyter.displayHook")];'


def ask(kernel, msg_type, content, channel="shell"):
    """Sends one request; its reply's content."""
    message = kernel.client.session.msg(msg_type, content)
    getattr(kernel.client, f"{channel}_channel").send(message)
    while True:
        reply = getattr(kernel.client, f"get_{channel}_msg")(timeout=60)
        if reply["parent_header"].get("msg_id") == message["header"]["msg_id"]:
            return reply["content"]


def published(kernel, msg_id):
    """Everything on IOPub for a request, until it is idle."""
    messages = []
    while True:
        message = kernel.client.get_iopub_msg(timeout=60)
        if message["parent_header"].get("msg_id") == msg_id:
            messages.append(message)
            if message["content"].get("execution_state") == "idle":
                return messages


def test_a_thousand_cells_lose_no_message(kernel):
    ids = [kernel.client.execute(f"console.log({i});\n{i} + 1") for i in range(1_000)]
    count = None
    for i, msg_id in enumerate(ids):
        busy, put, stream, result, idle = published(kernel, msg_id)
        assert busy["content"] == {"execution_state": "busy"} and idle["content"] == {"execution_state": "idle"}
        assert put["msg_type"] == "execute_input" and put["content"]["code"].endswith(f"{i} + 1")
        assert stream["content"] == {"name": "stdout", "text": f"{i}\n"}
        assert result["msg_type"] == "execute_result" and result["content"]["data"] == {"text/plain": str(i + 1)}
        count = count or put["content"]["execution_count"]
        assert put["content"]["execution_count"] == result["content"]["execution_count"] == count + i
        reply = kernel.client.get_shell_msg(timeout=60)
        assert reply["parent_header"]["msg_id"] == msg_id
        assert (reply["content"]["status"], reply["content"]["execution_count"]) == ("ok", count + i)


def test_store_history_false_counts_nothing_and_is_not_in_the_history(kernel):
    before = kernel.run("'counted'").reply["execution_count"]
    cell = kernel.run("'not counted'", store_history=False)
    assert cell.result == "'not counted'" and cell.reply["execution_count"] == before
    entries = ask(kernel, "history_request", {"hist_access_type": "tail", "n": 1})["history"]
    assert entries[0][2] == "'counted'"


def test_only_execute_requests_are_aborted_by_an_error(kernel):
    failing = kernel.client.execute("throw new Error('x')")
    aborted = [kernel.client.execute("'never'") for _ in range(3)]
    info = kernel.client.kernel_info()
    assert kernel.collect(failing).reply["status"] == "error"
    for msg_id in aborted:
        reply = kernel.client.get_shell_msg(timeout=60)
        assert reply["parent_header"]["msg_id"] == msg_id and reply["content"]["status"] == "aborted"
        assert [m["content"]["execution_state"] for m in published(kernel, msg_id)] == ["busy", "idle"]
    reply = kernel.client.get_shell_msg(timeout=60)
    assert reply["parent_header"]["msg_id"] == info and reply["content"]["status"] == "ok"


def test_the_error_in_the_reply_is_the_one_that_was_published(kernel):
    cell = kernel.run("throw new RangeError('same')")
    (error,) = cell.of("error")
    assert {key: cell.reply[key] for key in ("ename", "evalue", "traceback")} == error


def test_console_clear_and_the_display_hook_clear_outputs(kernel):
    assert kernel.run("console.log('a'); console.clear(); console.log('b')").outputs == [
        ("stream", {"name": "stdout", "text": "a\n"}),
        ("clear_output", {"wait": False}),
        ("stream", {"name": "stdout", "text": "b\n"}),
    ]
    cell = kernel.run(HOOK + "console.log('a'); hook.clear(true); hook.display({ 'text/plain': 'b' })")
    assert [kind for kind, _ in cell.outputs] == ["stream", "clear_output", "display_data"]


def test_prints_come_promptly_also_from_a_synchronous_loop(kernel):
    msg_id = kernel.client.execute("for (let i = 0; i < 5; i++) {\n  console.log(i);\n  for (const end = Date.now() + 400; Date.now() < end; );\n}")
    seen = []
    while "4\n" not in seen:
        message = kernel.client.get_iopub_msg(timeout=60)
        if message["msg_type"] == "stream":
            seen.append(message["content"]["text"])
            assert not kernel.has_replied()
    kernel.collect(msg_id)
    assert seen == ["0\n", "1\n", "2\n", "3\n", "4\n"]


def test_a_password_is_asked_for_as_one(kernel):
    msg_id = kernel.client.execute("const secret = await input('Password: ', { password: true });\nsecret.length", allow_stdin=True)
    asked = kernel.client.get_stdin_msg(timeout=60)
    assert asked["content"] == {"prompt": "Password: ", "password": True}
    assert asked["parent_header"]["msg_id"] == msg_id
    kernel.client.input("geheim")
    assert kernel.collect(msg_id).result == "6"


def test_two_questions_after_another_and_an_interrupt_at_the_third(kernel):
    msg_id = kernel.client.execute("[await input('a'), await input('b')].join() + await input('c')", allow_stdin=True)
    for answer in ("x", "🦊"):
        kernel.client.get_stdin_msg(timeout=60)
        kernel.client.input(answer)
    assert kernel.client.get_stdin_msg(timeout=60)["content"]["prompt"] == "c"
    kernel.manager.interrupt_kernel()
    assert kernel.collect(msg_id).reply["ename"] == "KeyboardInterrupt"
    kernel.client.input("too late")
    assert kernel.run("1").result == "1"


def test_completion_at_any_cursor_of_code_that_never_ran(kernel):
    code = "const 🦊 = 1;\n".replace("🦊", "fox") + "/* 🦊🦊 */ function hunt(speed: number) { return spe }\nconst prey = { hare: 1, '🐁': 2 };\nprey."
    at = code.index("spe }") + 3
    reply = kernel.client.complete(code, at, reply=True, timeout=60)["content"]
    assert reply["matches"] == ["speed"] and (reply["cursor_start"], reply["cursor_end"]) == (at - 3, at)
    reply = kernel.client.complete(code, len(code), reply=True, timeout=60)["content"]
    assert "hare" in reply["matches"] and reply["cursor_start"] == len(code)
    assert "hunt" in kernel.client.complete(code + "hare; hu", reply=True, timeout=60)["content"]["matches"]


def test_completion_tells_kinds_and_types(kernel):
    kernel.run("class Net { /** d */ width = 3; forward(x: number) { return [x]; } }\nconst net = new Net();")
    reply = kernel.client.complete("🦊; net.", reply=True, timeout=60)["content"]
    types = {each["text"]: each for each in reply["metadata"]["_jupyter_types_experimental"]}
    assert types["width"] == {"text": "width", "type": "property", "signature": "number", "start": 7, "end": 7}
    assert (types["forward"]["type"], types["forward"]["signature"]) == ("function", "(x: number) => number[]")
    named = kernel.client.complete("Ne", reply=True, timeout=60)["content"]["metadata"]["_jupyter_types_experimental"]
    assert {each["text"]: each["type"] for each in named}["Net"] == "class"


@pytest.mark.parametrize(
    "code, matches, replaced",
    [
        ("read('da", ["data.csv", "deeper/"], None),
        ("const x: 'left' | 'right' = 'r", ["right"], "r"),
        ("import './mod", ["module"], "mod"),
        ("import sharp from 'shar", ["sharp"], "shar"),
        ("import fs from 'node:fs/p", ["node:fs/promises"], "node:fs/p"),
        ("import { tf } from '../lib/tens", ["tensor/"], "tens"),
        ("%%ti", ["%%time", "%%timeit"], "%%ti"),
        ("!cat deeper/in", ["inner.txt"], "in"),
        ("%timeit Math.sqr", ["sqrt"], "sqr"),
        ("%%time\nMath.sqr", ["sqrt"], "sqr"),
    ],
)
def test_completion_inside_of_strings_and_on_first_lines(kernel, code, matches, replaced):
    (kernel.cwd / "deeper").mkdir(exist_ok=True)
    for name in ("data.csv", "module.ts", "deeper/inner.txt"):
        (kernel.cwd / name).write_text("")
    reply = kernel.client.complete(code, reply=True, timeout=60)["content"]
    found = [match for match in reply["matches"] if match not in ("SQRT1_2", "SQRT2")]
    assert found == (matches if replaced else ["data.csv"])
    if replaced:
        assert code[reply["cursor_start"] : reply["cursor_end"]] == replaced


def test_inspection_has_types_documentation_and_at_level_1_the_source(kernel):
    kernel.run("/**\n * Halves it.\n * @param x what to halve\n * @returns the half\n */\nfunction half(x: number) {\n  return x / 2;\n}")
    brief = kernel.client.inspect("1 + half(2)", 6, 0, reply=True, timeout=60)["content"]
    assert brief["found"] and brief["data"]["text/plain"] == "function half(x: number): number\n\nHalves it.\n@param x what to halve\n@returns the half"
    assert brief["data"]["text/markdown"].startswith("```typescript\nfunction half(x: number): number\n```\n\nHalves it.")
    full = kernel.client.inspect("half", 4, 1, reply=True, timeout=60)["content"]
    assert "return x / 2;" in full["data"]["text/plain"] and "return x / 2;" in full["data"]["text/markdown"]
    library = kernel.client.inspect("Math.max", 8, 1, reply=True, timeout=60)["content"]
    assert "node_modules/typescript/lib/lib.es5.d.ts:" in library["data"]["text/plain"]
    assert kernel.client.inspect("nowhere", 3, reply=True, timeout=60)["content"] == {"status": "ok", "found": False, "data": {}, "metadata": {}}
    never_run = kernel.client.inspect("const halves = [1].map(String); halves", 38, reply=True, timeout=60)["content"]
    assert "const halves: string[]" in never_run["data"]["text/plain"]


def test_help_has_the_source_after_two_question_marks(kernel):
    kernel.run("function third(x: number) { return x / 3; }")
    for code, has_source in (("third?", False), ("third??", True)):
        (payload,) = kernel.run(code).reply["payload"]
        assert payload["source"] == "page" and ("x / 3" in payload["data"]["text/plain"]) is has_source


@pytest.mark.parametrize(
    "code, status, indent",
    [
        ("if (true) {\n  while (x) {", "incomplete", "    "),
        ("const a = [", "incomplete", "  "),
        ("f(1)", "complete", None),
        ("const const", "invalid", None),
        ("!ls \\", "incomplete", ""),
        ("!ls", "complete", None),
        ("%%time\nfor (;;) {", "incomplete", "  "),
        ("%timeit f(1)", "complete", None),
        ("%%html\n<b>", "incomplete", ""),
        ("%%html\n<b>\n", "complete", None),
        ("%nonsense", "invalid", None),
        ("Math.max??", "complete", None),
    ],
)
def test_completeness_and_indent(kernel, code, status, indent):
    reply = ask(kernel, "is_complete_request", {"code": code})
    assert (reply["status"], reply.get("indent")) == (status, indent)


def test_kernel_info_is_complete(kernel):
    info = ask(kernel, "kernel_info_request", {}, "control")
    assert info["status"] == "ok" and info["protocol_version"] == "5.4"
    assert info["language_info"]["name"] == "typescript" and info["language_info"]["file_extension"] == ".ts"
    assert info["language_info"]["version"] == json.loads((ROOT / "node_modules/typescript/package.json").read_text())["version"]
    assert info["debugger"] is True and info["banner"].startswith("Vitrine")


def test_usage_is_that_of_the_process_and_the_machine(kernel):
    usage = ask(kernel, "usage_request", {}, "control")
    process = psutil.Process(kernel.manager.provisioner.process.pid)
    assert usage["pid"] == process.pid
    assert 0.5 < usage["kernel_memory"] / process.memory_info().rss < 2
    assert usage["host_virtual_memory"]["total"] == psutil.virtual_memory().total
    assert usage["cpu_count"] == psutil.cpu_count()


def test_history_of_earlier_kernels_is_found(kernel, tmp_path):
    kernel.run("'of an earlier kernel'")
    later = Kernel(tmp_path)
    try:
        later.run("40 + 2")
        later.run("({ answer: 42 })")
        tail = ask(later, "history_request", {"hist_access_type": "tail", "n": 3, "output": True})["history"]
        assert [entry[2] for entry in tail[-2:]] == [["40 + 2", "42"], ["({ answer: 42 })", "{ answer: 42 }"]]
        found = ask(later, "history_request", {"hist_access_type": "search", "pattern": "*earlier kernel*", "unique": True, "n": 1})
        ((session, line, text),) = found["history"]
        assert text == "'of an earlier kernel'"
        same = ask(later, "history_request", {"hist_access_type": "range", "session": session, "start": line, "stop": line + 1})
        assert same["history"] == found["history"]
    finally:
        later.close()


def test_shutdown_for_a_restart_says_so_to_every_front_end(tmp_path):
    kernel = Kernel(tmp_path)
    message = kernel.client.session.msg("shutdown_request", {"restart": True})
    kernel.client.control_channel.send(message)
    assert kernel.client.get_control_msg(timeout=60)["content"] == {"status": "ok", "restart": True}
    while True:
        told = kernel.client.get_iopub_msg(timeout=60)
        if told["msg_type"] == "shutdown_reply":
            break
    assert told["content"] == {"status": "ok", "restart": True}
    assert kernel.manager.provisioner.process.wait(timeout=30) == 0
    kernel.close()

