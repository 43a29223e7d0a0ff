"""Interrupting cells of every kind over sockets: they end, their variables stay, and nothing of them goes on."""

import signal

import pytest

from conftest import Kernel

PACKAGE = """
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
export async function readOn(step) { for (;;) { await readFile(new URL(import.meta.url)); step(); } }
export async function sleepOn(step) { for (;;) { try { await sleep(1); step(); } catch {} } }
export async function spinOn(step) { for (;;) { await null; step(); } }
export function thenOn(step) { return Promise.resolve().then(() => { step(); return thenOn(step); }); }
export async function* numbers() { for (let i = 0; ; i++) { await sleep(1); yield i; } }
"""

SLEEP = "new Promise((go) => setTimeout(go, 1))"

# Each counts its steps in `n`.
KINDS = {
    "a synchronous loop": "for (;;) n++;",
    "an awaited loop": f"for (;;) {{ await {SLEEP}; n++; }}",
    "a loop of promises alone": "for (;;) { await null; n++; }",
    "an await that never settles": "n = 1; await new Promise(() => {});",
    "a loop that catches everything": f"for (;;) {{ try {{ await {SLEEP}; n++; throw new Error(); }} catch {{}} }}",
    "asynchronous callbacks": f"await Promise.all([1, 2, 3].map(async () => {{ for (;;) {{ await {SLEEP}; n++; }} }}));",
    "asynchronous callbacks that nothing waits for": f"for (const _ of [1, 2, 3]) (async () => {{ for (;;) {{ await {SLEEP}; n++; }} }})(); await new Promise(() => {{}});",
    "an interval": "setInterval(() => n++, 1); await new Promise(() => {});",
    "a chain of timeouts": "const again = () => { n++; setTimeout(again, 1); }; again(); await new Promise(() => {});",
    "a chain of immediates": "const again = () => { n++; setImmediate(again); }; again(); await new Promise(() => {});",
    "a chain of ticks": "const again = () => { n++; process.nextTick(again); }; again(); await new Promise(() => {});",
    "a chain of microtasks": "const again = () => { n++; queueMicrotask(again); }; again(); await new Promise(() => {});",
    "a busy timer": "setTimeout(() => { for (;;) n++; }, 1); await new Promise(() => {});",
    "a busy immediate": "setImmediate(() => { for (;;) n++; }); await new Promise(() => {});",
    "a package that reads": "await readOn(() => n++);",
    "a package that sleeps and catches": "await sleepOn(() => n++);",
    "a package that spins": "await spinOn(() => n++);",
    "a package of thens": "await thenOn(() => n++);",
    "a package's generator": "for await (const i of numbers()) n = i + 1;",
    "a stream": "for await (const piece of createReadStream('/dev/zero')) n += piece.length;",
    "listeners of a stream": "createReadStream('/dev/zero').on('data', () => n++); await new Promise(() => {});",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("notebook")
    package = folder / "node_modules" / "goes-on"
    package.mkdir(parents=True)
    (package / "package.json").write_text('{"name": "goes-on", "type": "module", "exports": "./index.mjs"}')
    (package / "index.mjs").write_text(PACKAGE)
    return folder


@pytest.fixture(scope="module")
def kernel(folder):
    running = Kernel(folder)
    imports = "// @ts-nocheck\nimport { numbers, readOn, sleepOn, spinOn, thenOn } from 'goes-on';\nimport { createReadStream } from 'node:fs';\nlet n = 0;"
    assert running.run(imports).reply["status"] == "ok"
    yield running
    running.close()


def expect_rest(kernel):
    """The interrupted cell is over: its counter was kept and does not move."""
    seen = "const seen = n;\nawait new Promise((go) => setTimeout(go, 40));\n[seen > 0, n - seen]"
    assert kernel.run(seen, timeout=60).result == "[ true, 0 ]"


def test_every_kind_of_cell_ends_keeps_its_variables_and_takes_no_further_step_in_105_tries(kernel):
    slowest = 0
    for _ in range(5):
        for name, code in KINDS.items():
            cell = kernel.interrupt(f"// @ts-nocheck\nn = 0;\n{code}", timeout=60, wait=0.05)
            assert cell.reply["ename"] == "KeyboardInterrupt", name
            slowest = max(slowest, cell.seconds)
            expect_rest(kernel)
    assert slowest < 10


def test_the_signal_interrupts_as_the_message_does(kernel):
    for code in ("for (;;) n++;", f"for (;;) {{ await {SLEEP}; n++; }}", "n = 1; await new Promise(() => {});"):
        msg_id = kernel.client.execute(f"console.log('begun');\nn = 0;\n{code}")
        wait_for_print(kernel, msg_id, "begun")
        kernel.manager.provisioner.process.send_signal(signal.SIGINT)
        assert kernel.collect(msg_id, 60).reply["ename"] == "KeyboardInterrupt"
        expect_rest(kernel)


def test_signals_as_fast_as_cells_come_end_each_of_them(kernel):
    for _ in range(20):
        msg_id = kernel.client.execute("console.log('begun');\nawait new Promise(() => {});")
        wait_for_print(kernel, msg_id, "begun")
        kernel.manager.provisioner.process.send_signal(signal.SIGINT)
        assert kernel.collect(msg_id, 60).reply["ename"] == "KeyboardInterrupt"


def test_two_quick_interrupts_end_one_cell_and_the_next_one_runs(kernel):
    for code in ("for (;;) n++;", f"for (;;) {{ await {SLEEP}; n++; }}"):
        msg_id = kernel.client.execute(f"console.log('begun');\nn = 0;\n{code}")
        wait_for_print(kernel, msg_id, "begun")
        kernel.send_interrupt()
        kernel.send_interrupt()
        assert kernel.collect(msg_id, 60).reply["ename"] == "KeyboardInterrupt"
        expect_rest(kernel)


def test_an_interrupt_without_a_running_cell_changes_nothing(kernel):
    kernel.run("let ticked = 0;\nconst ticking = setInterval(() => { ticked++; }, 1);")
    kernel.send_interrupt()
    kernel.run("const ticksThen = ticked;\nawait new Promise((go) => setTimeout(go, 50));")
    assert kernel.run("clearInterval(ticking);\nticked > ticksThen").result == "true"


def test_an_interrupt_stops_a_busy_callback_of_an_earlier_cell(kernel):
    msg_id = kernel.client.execute("setTimeout(() => { console.log('busy'); for (;;); }, 20);")
    kernel.collect(msg_id, 60)
    wait_for_print(kernel, msg_id, "busy")
    kernel.send_interrupt()
    assert kernel.run("'free'", timeout=60).result == "'free'"


def test_timers_of_earlier_cells_go_on_when_a_later_cell_is_interrupted(kernel):
    kernel.run("let beats = 0;\nconst beating = setInterval(() => { beats++; }, 1);")
    kernel.interrupt("await new Promise(() => {});", wait=0.05)
    kernel.run("const beatsThen = beats;\nawait new Promise((go) => setTimeout(go, 50));")
    assert kernel.run("clearInterval(beating);\nbeats > beatsThen").result == "true"


def test_an_interrupt_reaches_a_cell_that_is_still_being_compiled(kernel):
    types = "\n".join(f"type T{i} = {{ [K in `a${{Digits}}${{Digits}}${{Digits}}`]: {i} }};" for i in range(12))
    uses = "\n".join(f"const t{i}: T{i} = {{}} as T{i};\nt{i}.a000;" for i in range(12))
    code = f"type Digits = '0'|'1'|'2'|'3'|'4'|'5'|'6'|'7'|'8'|'9';\n{types}\n{uses}\nconsole.log('ran');"
    msg_id = kernel.client.execute(code)
    while kernel.client.get_iopub_msg(timeout=60)["msg_type"] != "execute_input":
        pass
    kernel.send_interrupt()
    cell = kernel.collect(msg_id, 60)
    assert cell.reply["ename"] == "KeyboardInterrupt" and cell.text() == ""
    assert kernel.run("1 + 1", timeout=60).result == "2"


def test_finally_blocks_run_at_an_interrupt_and_catch_blocks_do_not(kernel):
    code = f"""
    const steps: string[] = [];
    async function work() {{
      try {{
        for (;;) await {SLEEP};
      }} catch {{
        steps.push("caught");
      }} finally {{
        await null;
        steps.push("inner");
      }}
    }}
    try {{ await work(); }} finally {{ steps.push("outer"); }}"""
    for wait in (SLEEP, "new Promise(setImmediate)", "new Promise(() => {})", "null", "later"):
        later = "const later = { then: (go: () => void) => setTimeout(go, 1) };\n"
        kernel.interrupt(later + code.replace(f"await {SLEEP}", f"await {wait}"), wait=0.05)
        assert kernel.run("steps").result == "[ 'inner', 'outer' ]", wait


def test_finally_blocks_run_where_a_loop_waits_for_its_next_value(kernel):
    never = "async function* never() { await outside; yield 1; }"
    for values in ("numbers()", "never()", "[Promise.resolve(1), outside]", "{ [Symbol.asyncIterator]: () => ({ next: () => outside }) }"):
        code = f"// @ts-nocheck\n{never}\nconst outside = new Promise(() => {{}});\nconst steps = [];\ntry {{ for await (const value of {values}) steps[0] = typeof value; }} finally {{ steps.push('finally'); }}"
        kernel.interrupt(code, wait=0.05)
        assert kernel.run("steps.at(-1)").result == "'finally'", values
    left = "// @ts-nocheck\nconst closed = [];\nasync function* closing() { try { yield 1; yield 2; } finally { closed.push('closed'); } }\nfor await (const value of closing()) { closed.push(value); break; }\nclosed"
    assert kernel.run(left).result == "[ 1, 'closed' ]"


def test_a_catch_that_names_the_interrupt_gets_it(kernel):
    code = """
    let best = 0;
    let told = "";
    try {
      for (;;) { await new Promise(setImmediate); best++; }
    } catch (error) {
      if ((error as Error).name === "KeyboardInterrupt") told = `stopped at ${best > 0}`;
    }"""
    kernel.interrupt(code, wait=0.05)
    assert kernel.run("told").result == "'stopped at true'"


def test_a_second_interrupt_ends_a_cell_that_minds_its_signal_but_does_not_end(kernel):
    code = """
    const { signal } = (globalThis as any)[Symbol.for("Jupyter.interrupt")];
    signal.addEventListener("abort", () => console.log("heard"));
    console.log("begun");
    await new Promise(() => {});"""
    msg_id = kernel.client.execute(code)
    wait_for_print(kernel, msg_id, "begun")
    kernel.send_interrupt()
    wait_for_print(kernel, msg_id, "heard")
    assert not kernel.has_replied()
    kernel.send_interrupt()
    assert kernel.collect(msg_id, 60).reply["ename"] == "KeyboardInterrupt"


def test_late_prints_and_errors_appear_in_the_cell_that_started_them(kernel):
    code = """
    import { EventEmitter } from "node:events";
    const source = new EventEmitter();
    source.on("late", () => { console.log("listener"); throw new Error("from a listener"); });
    setTimeout(() => { console.log("timer"); throw new Error("from a timer"); }, 60);
    (async () => { await new Promise((go) => setTimeout(go, 60)); console.log("promise"); throw new Error("from a promise"); })();
    process.nextTick(() => console.log("tick"));
    queueMicrotask(() => console.log("microtask"));"""
    first = kernel.client.execute(code)
    second = kernel.client.execute("setTimeout(() => source.emit('late'), 30);\nawait new Promise((go) => setTimeout(go, 200));\nconsole.log('second');")
    printed = {first: "", second: ""}
    idle = 0
    while idle < 2:
        message = kernel.client.get_iopub_msg(timeout=60)
        parent = message["parent_header"].get("msg_id")
        if message["msg_type"] == "stream":
            printed[parent] += message["content"]["text"]
        idle += message["msg_type"] == "status" and message["content"]["execution_state"] == "idle"
    for word in ("listener", "timer", "promise", "tick", "microtask"):
        assert f"{word}\n" in printed[first], word
    for place in ("listener", "timer", "promise"):
        assert f"from a {place}" in printed[first]
    assert printed[second] == "second\n"
    for _ in range(2):
        kernel.client.get_shell_msg(timeout=60)


def test_training_writes_its_checkpoint_before_the_cell_ends(kernel, folder):
    code = """
    import { memorySource, trainSae } from "../lib/sae";
    const rows = Float32Array.from({ length: 512 * 16 }, (_, i) => Math.sin(i * i));
    let last = 0;
    const options = { architecture: "standard", expansionFactor: 4, steps: 1_000_000, batchSize: 64 } as const;
    const signal: AbortSignal = (globalThis as any)[Symbol.for("Jupyter.interrupt")].signal;
    await trainSae(memorySource(rows, 16), options, {
      runFolder: "run",
      signal,
      metricsEvery: 1,
      checkpointEvery: 1_000_000,
      onMetrics: ({ step }) => {
        if (step === 1) console.log("first step");
        last = step;
      },
    });"""
    msg_id = kernel.client.execute(code)
    wait_for_print(kernel, msg_id, "first step")
    kernel.send_interrupt()
    assert kernel.collect(msg_id, 60).reply["ename"] == "KeyboardInterrupt"
    last = int(kernel.run("last").result)
    assert (folder / "run" / "checkpoints" / f"step-{last:08}.safetensors").exists()
    expect_still(kernel, "last")


def expect_still(kernel, name):
    code = f"const still = {name};\nawait new Promise((go) => setTimeout(go, 100));\n{name} - still"
    assert kernel.run(code, timeout=60).result == "0"


def wait_for_print(kernel, msg_id, text):
    while True:
        message = kernel.client.get_iopub_msg(timeout=60)
        is_own = message["parent_header"].get("msg_id") == msg_id
        if is_own and message["msg_type"] == "stream" and text in message["content"]["text"]:
            return
