"""Magics, shell commands and past results: what people know from IPython."""

import os
import time

import pytest
from conftest import processes_of


def test_time_prints_the_time_and_shows_the_result(kernel):
    cell = kernel.run("%%time\nlet sum = 0;\nfor (let i = 0; i < 1e6; i++) sum += i;\nsum")
    assert cell.result == "499999500000"
    assert cell.text().startswith("CPU times: user ") and "\nWall time: " in cell.text()
    assert kernel.run("sum").result == "499999500000"
    assert "Wall time: " in kernel.run("%time sum").text()


def test_timeit_measures_and_declares_nothing(kernel):
    cell = kernel.run("%timeit -n 100 -r 3 Math.sqrt(2)")
    assert cell.text().endswith(" per loop (mean ± std. dev. of 3 runs, 100 loops each)\n")
    cell = kernel.run("%%timeit -n 2 -r 2\nconst inside = await Promise.resolve(1);\ninside + 1")
    assert "of 2 runs, 2 loops each" in cell.text() and cell.of("execute_result") == []
    assert "Cannot find name 'inside'" in kernel.run("inside").reply["evalue"]


def test_a_type_error_in_a_measured_statement_points_at_its_place(kernel):
    cell = kernel.run("%timeit -n 2 Math.sqrt('2')")
    assert cell.reply["ename"] == "TypeScriptError" and ":1:24" in cell.reply["traceback"][1]
    assert "%timeit -n 2 Math.sqrt('2')" in cell.reply["traceback"][2]


def test_a_measured_loop_is_interrupted(kernel):
    message = kernel.client.execute("%timeit -n 1000000000 -r 100 Math.random()")
    time.sleep(1)
    kernel.manager.interrupt_kernel()
    assert kernel.collect(message).reply["ename"] == "KeyboardInterrupt"


def test_an_unknown_magic_names_those_that_there_are(kernel):
    reply = kernel.run("%tiem 1").reply
    assert reply["ename"] == "SyntaxError"
    assert "expected %time, %timeit, %%time, %%timeit, %%html, %%markdown, got %tiem" in reply["evalue"]
    assert "A magic stands on the first line" in "\n".join(kernel.run("1;\n%timeit 1").reply["traceback"])


def test_html_and_markdown_cells_are_shown(kernel):
    (shown,) = kernel.run("%%html\n<b>bold</b>\n").of("display_data")
    assert shown["data"] == {"text/html": "<b>bold</b>\n"}
    (shown,) = kernel.run("%%markdown\n# $x^2$").of("display_data")
    assert shown["data"] == {"text/markdown": "# $x^2$"}


def test_a_command_prints_while_it_runs_with_its_input_closed(kernel):
    message = kernel.client.execute("!echo first; cat; sleep 2; echo second >&2")
    while kernel.client.get_iopub_msg(timeout=60)["msg_type"] != "stream":
        pass
    assert not kernel.has_replied()
    cell = kernel.collect(message)
    assert cell.reply["status"] == "ok" and cell.text("stderr") == "second\n"


def test_what_is_below_a_command_runs_after_it(kernel):
    cell = kernel.run("!echo 'export const made = 6;' \\\n  > made.ts\nimport { made } from './made';\nmade.toFixed(1)")
    assert cell.result == "'6.0'"
    wrong = kernel.run("!true\n\nmade.length")
    assert ":3:6" in wrong.reply["traceback"][1]


def test_an_exit_code_is_an_error_and_stops_the_cell(kernel):
    cell = kernel.run("!echo out; exit 3\nconsole.log('not reached')")
    assert cell.reply["ename"] == "ShellError" and cell.text() == "out\n"
    assert cell.reply["evalue"] == "sh: expected exit code 0 from `echo out; exit 3`, got 3"


def test_an_exclamation_mark_elsewhere_is_javascript(kernel):
    assert kernel.run("const done = false;\n!done").result == "true"
    assert "elsewhere: await sh(" in "\n".join(kernel.run("1;\n!ls -l").reply["traceback"])


def test_a_command_is_interrupted_with_all_that_it_started(kernel):
    before = processes_of(kernel)
    message = kernel.client.execute("!echo begun; sh -c 'trap \"\" INT; sleep 600' | sleep 601")
    while kernel.client.get_iopub_msg(timeout=60)["msg_type"] != "stream":
        pass
    assert len(processes_of(kernel)) > len(before)
    kernel.manager.interrupt_kernel()
    cell = kernel.collect(message)
    assert cell.reply["ename"] == "KeyboardInterrupt" and cell.seconds < 5
    deadline = time.monotonic() + 20
    while processes_of(kernel) - before and time.monotonic() < deadline:
        time.sleep(0.1)
    assert processes_of(kernel) - before == set()


def test_a_command_in_the_background_does_not_hold_the_cell_up(kernel):
    cell = kernel.run("!(sleep 2; echo late) & echo now")
    assert cell.text() == "now\n" and cell.seconds < 2
    while True:
        message = kernel.client.get_iopub_msg(timeout=60)
        if message["msg_type"] == "stream":
            break
    assert message["content"]["text"] == "late\n"


def test_an_installed_package_is_imported_and_typed_at_once(kernel):
    folder = "local-package"
    files = {"package.json": '{"name": "local-package", "version": "1.0.0", "main": "i.js", "types": "i.d.ts"}', "i.js": "exports.answer = 42;", "i.d.ts": "export const answer: number;"}
    assert "Cannot find module" in kernel.run("import { answer } from 'local-package';").reply["evalue"]
    os.makedirs(kernel.cwd / folder)
    for name, text in files.items():
        (kernel.cwd / folder / name).write_text(text)
    # Without a registry: a folder is a package too.
    cell = kernel.run("!npm install --offline --no-audit --no-fund ./local-package\nimport { answer } from 'local-package';\nanswer.toFixed(1)")
    assert cell.result == "'42.0'", cell.reply
    assert "does not exist on type 'number'" in kernel.run("answer.length").reply["evalue"]
    (kernel.cwd / folder / "i.d.ts").write_text("export const answer: string;")
    assert kernel.run("!true\nimport { answer as again } from 'local-package';\nagain.length").reply["status"] == "ok"


def test_sh_gives_what_was_printed_and_is_typed(kernel):
    assert kernel.run("const listed = await sh('echo a; echo b; echo c >&2');\n[listed.lines, listed.stderr, listed.code]").result == "[ [ 'a', 'b' ], 'c\\n', 0 ]"
    assert kernel.run("await sh('echo a')").result == "a"
    assert kernel.run("(await sh('cat; exit 4', { input: 'given', check: false })).stdout").result == "'given'"
    failed = kernel.run("await sh('echo why >&2; exit 4')").reply
    assert failed["ename"] == "ShellError" and failed["evalue"].endswith("got 4\nwhy")
    assert kernel.run("await sh(3)").reply["ename"] == "TypeScriptError"


def test_past_results_have_values_and_types(kernel):
    first = kernel.run("({ rate: 0.5 })").reply["execution_count"]
    kernel.run("const quiet = 1;")
    kernel.run("Promise.resolve('text')")
    assert kernel.run(f"_.toUpperCase() + __.rate + Out[{first}].rate").result == "'TEXT0.50.5'"
    assert kernel.run(f"In[{first}]").result == "'({ rate: 0.5 })'"
    assert "does not exist on type" in kernel.run(f"Out[{first}].missing").reply["evalue"]
    kernel.run("'silent'", silent=True)
    kernel.run("'not stored'", store_history=False)
    assert kernel.run("_").result == f"'({{ rate: 0.5 }})'"
    assert kernel.run("_.length").result == "15"


def test_a_name_of_ones_own_goes_before_a_past_result(kernel):
    assert kernel.run("const _ = { own: 1 };\n_.own").result == "1"
    assert kernel.run("_.own").result == "1"
    assert kernel.run("[1, 2].map((_, i) => i)").result == "[ 0, 1 ]"


@pytest.mark.parametrize(
    "code, stdout, stderr",
    [
        ("console.table([{ a: 1 }])", "┌─────────┬───┐\n│ (index) │ a │\n├─────────┼───┤\n│ 0       │ 1 │\n└─────────┴───┘\n", ""),
        ("console.group('g'); console.log('in'); console.error('err'); console.groupEnd(); console.log('out')", "g\n  in\nout\n", "  err\n"),
        ("console.count(); console.count(); console.countReset(); console.count(); console.count('x')", "default: 1\ndefault: 2\ndefault: 1\nx: 1\n", ""),
        ("console.dir({ a: { b: { c: {} } } }, { depth: 0 })", "{ a: [Object] }\n", ""),
        ("console.assert(false as boolean, 'no %s', 'way'); console.assert(true)", "", "Assertion failed: no way\n"),
        ("console.debug('%d %o', 1, 'a'); console.info('i'); console.warn('w')", "1 'a'\ni\n", "w\n"),
    ],
)
def test_the_console_prints_as_in_node(kernel, code, stdout, stderr):
    cell = kernel.run(code)
    assert (cell.text(), cell.text("stderr")) == (stdout, stderr)


def test_the_console_measures_time_and_traces_into_the_cell(kernel):
    cell = kernel.run("console.time('t'); console.timeLog('t', 'x'); console.timeEnd('t');")
    lines = cell.text().splitlines()
    assert [line.split(":")[0] for line in lines] == ["t", "t"] and lines[0].endswith("ms x")
    traced = kernel.run("function traced() {\n  console.trace('at %d', 4);\n}\ntraced()").text("stderr")
    assert "at 4" in traced and ":2:11" in traced and ":4:1" in traced and "kernels/" not in traced


def test_a_group_that_a_cell_left_open_ends_with_it(kernel):
    kernel.run("console.group('open'); throw new Error('in it')")
    assert kernel.run("console.log('flush left')").text() == "flush left\n"
