"""The kernel over real sockets with a real client."""

import json
import time

from conftest import ROOT

HOOK = 'const hook = (globalThis as any)[Symbol.for("Jupyter.displayHook")];'


def test_a_cell_in_notebooks_imports_lib_with_its_types(notebook_kernel):
    cell = notebook_kernel.run('import { Random } from "../lib/tensor";\nnew Random(7).uniform() === new Random(7).uniform()')
    assert cell.result == "true"
    wrong = notebook_kernel.run("new Random(7).uniform().toUpperCase()")
    assert wrong.reply["ename"] == "TypeScriptError"
    assert "'toUpperCase' does not exist on type 'number'" in wrong.reply["evalue"]


def test_lib_is_loaded_once_for_cells_and_for_what_they_import(notebook_kernel):
    cell = notebook_kernel.run(
        'import { tf as one } from "../lib/tensor";\nimport { tf as other } from "../lib/tensor/backend";\none === other && one.engine().backendName'
    )
    assert cell.result == "'tensorflow'"


def test_bare_imports_come_from_the_project_even_outside_it(kernel):
    assert kernel.run('import sharp from "sharp";\ntypeof sharp.versions.vips').result == "'string'"
    assert kernel.run('import { Random } from "../lib/tensor";\nnew Random(1).int(1)').result == "0"


def test_a_type_error_stops_the_cell_before_it_runs_and_points_at_its_place(kernel):
    cell = kernel.run("console.log('ran');\nconst size: number =\n  'large';")
    assert cell.text() == ""
    (error,) = cell.of("error")
    assert error["evalue"] == "TS2322: Type 'string' is not assignable to type 'number'. (line 2)"
    assert "     2 │ const size: number =" in error["traceback"]
    assert error["traceback"][3].startswith("       │       ") and "^^^^" in error["traceback"][3]
    assert cell.reply["traceback"] == error["traceback"]


def test_strict_is_on_as_in_the_project(kernel):
    cell = kernel.run("function length(text?: string) { return text.length; }")
    assert "'text' is possibly 'undefined'" in cell.reply["evalue"]


def test_ts_nocheck_lets_a_cell_run_unchecked(kernel):
    assert kernel.run("// @ts-nocheck\nconst unchecked: number = 'x';\nunchecked").result == "'x'"


def test_a_thrown_error_shows_the_cells_own_lines(kernel):
    cell = kernel.run("function fail(n: number): never {\n\n  throw new RangeError(`bad ${n}`);\n}\n\nfail(4)")
    (error,) = cell.of("error")
    assert (error["ename"], error["evalue"]) == ("RangeError", "bad 4")
    shown = "\n".join(error["traceback"])
    label = f"In[{cell.reply['execution_count']}]"
    assert f"Cell {label}:3:9" in shown and f"Cell {label}:6:1" in shown
    assert "kernels/" not in shown and "node:internal" not in shown


def test_an_error_from_lib_points_into_its_typescript(notebook_kernel):
    cell = notebook_kernel.run('import { rawOp } from "../lib/tensor";\nrawOp("NoSuchOp", []);')
    shown = "\n".join(cell.reply["traceback"])
    assert "lib/tensor/raw.ts:" in shown
    assert f"Cell In[{cell.reply['execution_count']}]:2:" in shown
    assert str(ROOT) not in shown


def test_const_let_class_function_and_types_can_be_declared_again(kernel):
    kernel.run("const rate = 1;\nlet count = 1;\nclass Box { a = 1 }\nfunction twice(x: number) { return 2 * x }\ninterface Shape { a: number }")
    again = kernel.run("const rate = 'fast';\nlet count = 'many';\nclass Box { b = 2 }\nfunction twice(x: string) { return x + x }\ninterface Shape { b: string }")
    assert again.reply["status"] == "ok"
    cell = kernel.run("const shape: Shape = { b: count };\n[rate, shape.b, new Box().b, twice('x')]")
    assert cell.result == "[ 'fast', 'many', 2, 'xx' ]"


def test_a_function_sees_the_newest_value_of_another_cells_name(kernel):
    kernel.run("const learningRate = 1;")
    kernel.run("function step() { return learningRate * 10; }")
    kernel.run("const learningRate = 2;")
    assert kernel.run("step()").result == "20"


def test_assigning_to_another_cells_variable_reaches_its_own_closures(kernel):
    kernel.run("let total = 0;\nfunction add() { total += 1; return total; }")
    kernel.run("total = 41;")
    assert kernel.run("add()").result == "42"


def test_names_that_a_failed_cell_reached_stay_and_the_others_do_not(kernel):
    kernel.run("const later = 'old';")
    kernel.run("const reached = 5;\nif (reached > 1) throw new Error('stop');\nconst later = 'new';")
    assert kernel.run("[reached, later]").result == "[ 5, 'old' ]"


def test_await_at_the_top_level_and_a_promise_as_result(kernel):
    assert kernel.run("const awaited = await Promise.resolve(6);\nawaited * 7").result == "42"
    assert kernel.run("Promise.resolve('later')").result == "'later'"


def test_parameters_compare_with_other_values_than_their_own(kernel):
    kernel.run("const architecture = 'standard';\nconst k = 32;")
    assert kernel.run("architecture === 'topk' || k === 16").result == "false"


def test_ten_thousand_prints_arrive_whole_and_in_order(kernel):
    cell = kernel.run("for (let i = 0; i < 10_000; i++) console.log(i)")
    assert cell.text().splitlines() == [str(i) for i in range(10_000)]


def test_stdout_stderr_and_displays_keep_their_order(kernel):
    code = HOOK + "console.log('a'); console.error('b'); hook.display({ 'text/plain': 'c' }); console.log('d'); 'e'"
    cell = kernel.run(code)
    assert [kind for kind, _ in cell.outputs] == ["stream", "stream", "display_data", "stream", "execute_result"]
    assert [content["name"] for content in cell.of("stream")] == ["stdout", "stderr", "stdout"]


def test_prints_of_a_busy_loop_appear_while_it_runs(kernel):
    msg_id = kernel.client.execute("console.log('first');\nconst end = Date.now() + 2000;\nwhile (Date.now() < end);")
    while True:
        message = kernel.client.get_iopub_msg(timeout=60)
        if message["msg_type"] == "stream" and message["parent_header"].get("msg_id") == msg_id:
            break
    assert not kernel.has_replied()
    kernel.collect(msg_id)


def test_a_display_is_replaced_by_its_id_also_from_a_later_cell(kernel):
    cell = kernel.run(HOOK + "hook.display({ 'text/plain': '0%' }, { note: 1 }, 'bar'); hook.update('bar', { 'text/plain': '50%' });")
    (shown,), (updated,) = cell.of("display_data"), cell.of("update_display_data")
    assert shown == {"data": {"text/plain": "0%"}, "metadata": {"note": 1}, "transient": {"display_id": "bar"}}
    assert updated["data"] == {"text/plain": "50%"} and updated["transient"] == {"display_id": "bar"}
    (last,) = kernel.run("hook.update('bar', { 'text/plain': 'done' });").of("update_display_data")
    assert last["data"] == {"text/plain": "done"}


def test_clear_output_waits_if_asked(kernel):
    assert kernel.run(HOOK + "hook.clear(true); hook.clear();").of("clear_output") == [{"wait": True}, {"wait": False}]


def test_a_value_with_its_own_display_method_shows_itself(kernel):
    code = """
    const figure = { data: [{ y: [1, 2] }], layout: {} };
    ({
      async [Symbol.for("Jupyter.display")]() {
        return { "application/vnd.plotly.v1+json": figure, "text/plain": "figure" };
      },
      [Symbol.for("Jupyter.displayMetadata")]: { note: 2 },
    })"""
    (shown,) = kernel.run(code).of("execute_result")
    assert shown["data"]["application/vnd.plotly.v1+json"] == {"data": [{"y": [1, 2]}], "layout": {}}
    assert shown["metadata"] == {"note": 2}


def test_a_display_method_that_returns_nothing_shows_nothing(kernel):
    assert kernel.run('({ [Symbol.for("Jupyter.display")]: () => undefined })').outputs == []


def test_a_png_buffer_is_shown_as_a_picture(kernel):
    code = """import sharp from "sharp";
    await sharp({ create: { width: 2, height: 2, channels: 3, background: "red" } }).png().toBuffer()"""
    (shown,) = kernel.run(code).of("execute_result")
    assert shown["data"]["image/png"].startswith("iVBORw0KGgo")


def test_a_busy_loop_is_interrupted_and_its_variables_are_kept(kernel):
    cell = kernel.interrupt("let spins = 0;\nwhile (true) spins++;")
    assert cell.reply["ename"] == "KeyboardInterrupt"
    assert cell.seconds < 5
    assert kernel.run("spins > 1000").result == "true"


def test_an_awaited_loop_is_interrupted_and_runs_no_further_step(kernel):
    loop = "let ticks = 0;\nfor (;;) {\n  await new Promise((resolve) => setTimeout(resolve, 5));\n  ticks++;\n}"
    cell = kernel.interrupt(loop)
    assert cell.reply["ename"] == "KeyboardInterrupt"
    assert cell.seconds < 5
    after = kernel.run("const seen = ticks;\nawait new Promise((resolve) => setTimeout(resolve, 200));\n[seen > 10, ticks - seen]")
    assert after.result == "[ true, 0 ]"


def test_an_await_that_never_settles_is_interrupted(kernel):
    cell = kernel.interrupt("await new Promise(() => {})")
    assert cell.reply["ename"] == "KeyboardInterrupt"
    assert cell.seconds < 5


def test_a_loop_that_listens_to_the_signal_ends_in_its_own_way(kernel):
    code = """
    const { signal } = (globalThis as any)[Symbol.for("Jupyter.interrupt")];
    let saved = "";
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      if (signal.aborted) {
        await new Promise((resolve) => setTimeout(resolve, 300));
        saved = "checkpoint";
        throw signal.reason;
      }
    }"""
    cell = kernel.interrupt(code)
    assert (cell.reply["ename"], cell.reply["evalue"]) == ("KeyboardInterrupt", "the cell was interrupted")
    assert kernel.run("saved").result == "'checkpoint'"


def test_a_synchronous_loop_sees_the_signal_too(kernel):
    code = 'const own = (globalThis as any)[Symbol.for("Jupyter.interrupt")].signal;\nwhile (!own.aborted);\nown.reason.name'
    assert kernel.interrupt(code).result == "'KeyboardInterrupt'"


def test_the_cell_after_an_interrupt_has_a_fresh_signal(kernel):
    kernel.interrupt("await new Promise(() => {})")
    assert kernel.run('(globalThis as any)[Symbol.for("Jupyter.interrupt")].signal.aborted').result == "false"


def test_an_error_aborts_the_cells_that_were_sent_with_it(kernel):
    first = kernel.client.execute("throw new Error('first')")
    second = kernel.client.execute("'second'")
    assert kernel.collect(first).reply["status"] == "error"
    assert kernel.collect(second).reply["status"] == "aborted"
    assert kernel.run("'third'").result == "'third'"


def test_stop_on_error_false_lets_them_run(kernel):
    first = kernel.client.execute("throw new Error('first')", stop_on_error=False)
    second = kernel.client.execute("'second'")
    kernel.collect(first)
    assert kernel.collect(second).result == "'second'"


def test_an_error_of_a_timer_is_reported_and_does_not_end_the_kernel(kernel):
    code = "setTimeout(() => { throw new Error('late') }, 10);\nPromise.reject(new Error('stray'));\nawait new Promise((resolve) => setTimeout(resolve, 100));"
    stderr = kernel.run(code).text("stderr")
    assert "late" in stderr and "stray" in stderr
    assert kernel.run("1").result == "1"


def test_silent_cells_count_nothing_and_show_nothing(kernel):
    before = kernel.run("1").reply["execution_count"]
    assert kernel.run("'quiet'", silent=True).outputs == []
    assert kernel.run("2").reply["execution_count"] == before + 1


def test_user_expressions_are_evaluated_each_on_its_own(kernel):
    reply = kernel.run("const base = 20;", user_expressions={"good": "base + 1", "bad": "missing"}).reply
    assert reply["user_expressions"]["good"]["data"] == {"text/plain": "21"}
    assert reply["user_expressions"]["bad"]["status"] == "error"


def test_input_asks_the_front_end(kernel):
    msg_id = kernel.client.execute("const name = await input('name? ');\nname.toUpperCase()", allow_stdin=True)
    asked = kernel.client.get_stdin_msg(timeout=60)
    assert asked["content"] == {"prompt": "name? ", "password": False}
    kernel.client.input("ada")
    assert kernel.collect(msg_id).result == "'ADA'"


def test_input_without_a_front_end_that_can_ask_is_an_error(kernel):
    assert "input: expected" in kernel.run("await input('x')", allow_stdin=False).reply["evalue"]


def test_completion_knows_the_types_of_earlier_cells(kernel):
    kernel.run("const settings = { learningRate: 1, layers: [1] };")
    reply = kernel.client.complete("/* 🦊 */ settings.le", reply=True, timeout=60)["content"]
    assert reply["matches"] == ["learningRate"]
    assert (reply["cursor_start"], reply["cursor_end"]) == (17, 19)


def test_inspection_shows_signature_and_documentation(kernel):
    kernel.run("/** Doubles it. */\nfunction double(x: number) { return 2 * x; }")
    found = kernel.client.inspect("double(3)", 2, reply=True, timeout=60)["content"]
    assert "function double(x: number): number" in found["data"]["text/plain"]
    assert "Doubles it." in found["data"]["text/plain"] and "alias" not in found["data"]["text/plain"]


def test_the_control_channel_answers_while_a_cell_keeps_the_thread_busy(kernel):
    msg_id = kernel.client.execute("const until = Date.now() + 2500;\nwhile (Date.now() < until);")
    time.sleep(0.5)
    message = kernel.client.session.msg("kernel_info_request", {})
    kernel.client.control_channel.send(message)
    reply = kernel.client.get_control_msg(timeout=60)
    assert reply["content"]["implementation"] == "vitrine"
    assert not kernel.has_replied()
    kernel.collect(msg_id)


def test_a_message_with_a_wrong_signature_is_dropped(kernel):
    session = kernel.client.session
    right, session.key = session.key, b"wrong"
    kernel.client.execute("process.kill(process.pid, 'SIGKILL')")
    session.key = right
    assert kernel.run("'alive'").result == "'alive'"


def test_a_cell_cannot_end_the_kernel_by_mistake(kernel):
    cell = kernel.run("process.exit(3)")
    assert cell.reply["ename"] == "Error" and "got exit code 3" in cell.reply["evalue"]
    assert kernel.run("'alive'").result == "'alive'"


def test_unknown_requests_get_an_error_reply(kernel):
    message = kernel.client.session.msg("nonsense_request", {})
    kernel.client.shell_channel.send(message)
    reply = kernel.client.get_shell_msg(timeout=60)
    assert reply["msg_type"] == "nonsense_reply" and reply["content"]["status"] == "error"


def test_comms_are_listed_and_unknown_targets_closed(kernel):
    info = kernel.client.comm_info(reply=True, timeout=60)["content"]
    assert info == {"status": "ok", "comms": {}}
    message = kernel.client.session.msg("comm_open", {"comm_id": "c1", "target_name": "x", "data": {}})
    kernel.client.shell_channel.send(message)
    while True:
        answer = kernel.client.get_iopub_msg(timeout=60)
        if answer["msg_type"] == "comm_close":
            break
    assert answer["content"]["comm_id"] == "c1"


def test_the_heartbeat_beats_during_a_busy_cell(kernel):
    msg_id = kernel.client.execute("const busyUntil = Date.now() + 3000;\nwhile (Date.now() < busyUntil);")
    time.sleep(0.5)
    import zmq

    port = json.loads(open(kernel.manager.connection_file).read())["hb_port"]
    with zmq.Context() as context, context.socket(zmq.REQ) as socket:
        socket.connect(f"tcp://127.0.0.1:{port}")
        socket.send(b"ping")
        assert socket.poll(2000) and socket.recv() == b"ping"
    assert not kernel.has_replied()
    kernel.collect(msg_id)


def test_shutdown_is_answered_and_ends_even_a_busy_kernel(tmp_path):
    from conftest import Kernel

    busy = Kernel(tmp_path)
    busy.client.execute("while (true);")
    time.sleep(1)
    started = time.monotonic()
    reply = busy.client.shutdown(reply=True, timeout=60)
    assert reply["content"]["restart"] is False
    while busy.manager.is_alive() and time.monotonic() - started < 20:
        time.sleep(0.05)
    assert not busy.manager.is_alive()
    busy.close()
