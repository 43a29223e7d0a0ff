"""Comms both ways over real sockets: with data and buffers, during cells, with the outputs and errors of their handlers."""

import time

import pytest

HOOK = 'const comms = (globalThis as any)[Symbol.for("Jupyter.comms")];\n'


def send(kernel, msg_type, content, buffers=(), metadata=None):
    """A message on the shell channel; returns its id."""
    session = kernel.client.session
    message = session.msg(msg_type, content, metadata=metadata)
    session.send(kernel.client.shell_channel.socket, message, buffers=list(buffers))
    return message["header"]["msg_id"]


def read_until_idle(kernel, msg_id, timeout=30):
    """What came on IOPub until the message was handled."""
    messages = []
    while True:
        message = kernel.client.get_iopub_msg(timeout=timeout)
        messages.append(message)
        is_parent = message["parent_header"].get("msg_id") == msg_id
        if is_parent and message["content"].get("execution_state") == "idle":
            return messages


def read_until(kernel, msg_type, timeout=30):
    while True:
        message = kernel.client.get_iopub_msg(timeout=timeout)
        if message["msg_type"] == msg_type:
            return message


def open_comm(kernel, setup, target="test"):
    cell = kernel.run(f'{HOOK}const comm = comms.open("{target}", {{ a: 1 }});\n{setup}')
    (opened,) = cell.of("comm_open")
    assert cell.reply["status"] == "ok", cell.reply
    assert opened["target_name"] == target and opened["data"] == {"a": 1}
    return opened["comm_id"]


@pytest.fixture
def comm_info(kernel):
    def ask(**content):
        msg_id = send(kernel, "comm_info_request", content)
        while True:
            reply = kernel.client.get_shell_msg(timeout=30)
            if reply["parent_header"]["msg_id"] == msg_id:
                assert reply["msg_type"] == "comm_info_reply"
                return reply["content"]["comms"]

    return ask


def test_a_cell_opens_a_comm_and_both_sides_send_data_and_buffers(kernel, comm_info):
    comm_id = open_comm(
        kernel,
        """comm.onMessage((message: any) => {
          const [first] = message.buffers;
          comm.send({ sum: first.reduce((a: number, b: number) => a + b), got: message.data, meta: message.metadata },
            { buffers: [new Uint8Array([7, 8])], metadata: { m: 1 }, answering: message });
        });""",
    )
    assert comm_info(target_name="test")[comm_id] == {"target_name": "test"}
    content = {"comm_id": comm_id, "data": {"x": [1, "ä🦊"]}}
    msg_id = send(kernel, "comm_msg", content, buffers=[b"\x01\x02\x03"], metadata={"k": "v"})
    (answer,) = [m for m in read_until_idle(kernel, msg_id) if m["msg_type"] == "comm_msg"]
    assert answer["parent_header"]["msg_id"] == msg_id
    assert answer["content"]["data"] == {"sum": 6, "got": {"x": [1, "ä🦊"]}, "meta": {"k": "v"}}
    assert answer["metadata"] == {"m": 1} and bytes(answer["buffers"][0]) == b"\x07\x08"
    cell = kernel.run("comm.close({ bye: true })")
    assert cell.of("comm_close") == [{"comm_id": comm_id, "data": {"bye": True}}]
    assert comm_info() == {}


def test_the_page_opens_and_closes_comms_of_registered_targets_only(kernel, comm_info):
    kernel.run(f"""{HOOK}comms.register("mine", (opened: any, message: any) => {{
      opened.send({{ hello: message.data.name }}, {{ answering: message }});
      opened.onClose(() => console.log("closed by the page"));
    }});""")
    msg_id = send(kernel, "comm_open", {"comm_id": "p1", "target_name": "mine", "data": {"name": "Ada"}})
    (hello,) = [m for m in read_until_idle(kernel, msg_id) if m["msg_type"] == "comm_msg"]
    assert hello["content"] == {"comm_id": "p1", "data": {"hello": "Ada"}}
    assert comm_info() == {"p1": {"target_name": "mine"}} and comm_info(target_name="other") == {}
    msg_id = send(kernel, "comm_close", {"comm_id": "p1", "data": {}})
    assert any("closed by the page" in str(m["content"]) for m in read_until_idle(kernel, msg_id))
    msg_id = send(kernel, "comm_open", {"comm_id": "p2", "target_name": "nobody's", "data": {}})
    (closed,) = [m for m in read_until_idle(kernel, msg_id) if m["msg_type"] == "comm_close"]
    assert closed["content"]["comm_id"] == "p2" and comm_info() == {}


def test_prints_and_errors_of_a_handler_go_to_the_cell_that_opened_the_comm(kernel):
    cell_id = kernel.client.execute(f"""{HOOK}const noisy = comms.open("test", {{}}, {{ id: "noisy" }});
      noisy.onMessage(async ({{ data }}: any) => {{
        console.log("got", data.n);
        await new Promise((resolve) => setTimeout(resolve, 50));
        console.log("later", data.n);
        throw new RangeError("too much");
      }});""")
    kernel.collect(cell_id)
    kernel.run("'another cell'")
    send(kernel, "comm_msg", {"comm_id": "noisy", "data": {"n": 5}})
    error = read_until(kernel, "error")
    assert error["parent_header"]["msg_id"] == cell_id
    assert error["content"]["evalue"] == "too much" and "Cell In[" in "".join(error["content"]["traceback"])
    assert kernel.run("6 * 7").result == "42"


def test_messages_are_handled_while_a_cell_awaits(kernel):
    kernel.run(f"""{HOOK}let stop = false;
      const stopper = comms.open("test", {{}}, {{ id: "stopper" }});
      stopper.onMessage(() => {{ stop = true; }});""")
    running = kernel.client.execute("""let turns = 0;
      while (!stop) { turns += 1; await new Promise((resolve) => setTimeout(resolve, 5)); }
      turns > 0""")
    time.sleep(0.3)
    send(kernel, "comm_msg", {"comm_id": "stopper", "data": {}})
    assert kernel.collect(running, timeout=20).result == "true"


def test_a_cell_that_is_still_running_is_shown_as_busy_after_a_message(kernel):
    kernel.run(f'{HOOK}comms.open("test", {{}}, {{ id: "quiet" }}).onMessage(() => 0);')
    running = kernel.client.execute("await new Promise((resolve) => setTimeout(resolve, 800))")
    time.sleep(0.2)
    msg_id = send(kernel, "comm_msg", {"comm_id": "quiet", "data": {}})
    read_until_idle(kernel, msg_id)
    status = read_until(kernel, "status")
    assert status["content"]["execution_state"] == "busy" and status["parent_header"]["msg_id"] == running
    kernel.collect(running)


@pytest.mark.parametrize("wait", ["for (;;);", "for (;;) await new Promise((resolve) => setTimeout(resolve, 5));"])
def test_an_interrupt_ends_a_handler_and_the_next_message_is_handled(kernel, wait):
    kernel.run(f"""{HOOK}const endless = comms.open("test", {{}}, {{ id: "endless" }});
      endless.onMessage(async ({{ data, signal }}: any) => {{
        if (data.quick) return endless.send({{ quick: true }});
        signal.onabort = () => console.log("aborted");
        endless.send({{ begun: true }});
        {wait}
      }});""")
    send(kernel, "comm_msg", {"comm_id": "endless", "data": {}})
    assert read_until(kernel, "comm_msg")["content"]["data"] == {"begun": True}
    kernel.manager.interrupt_kernel()
    msg_id = send(kernel, "comm_msg", {"comm_id": "endless", "data": {"quick": True}})
    messages = read_until_idle(kernel, msg_id)
    assert [m["content"]["data"] for m in messages if m["msg_type"] == "comm_msg"] == [{"quick": True}]
    assert kernel.run("1 + 1").result == "2"


def test_captured_output_goes_to_the_sink_and_not_to_the_cell(kernel):
    cell = kernel.run("""const display = (globalThis as any)[Symbol.for("Jupyter.displayHook")];
      const seen: any[] = [];
      await display.capture((output: any) => { console.log("sink", output.type); seen.push(output); }, async () => {
        console.log("inside");
        await new Promise((resolve) => setTimeout(resolve, 20));
        display.display({ "text/plain": "shown" });
        setTimeout(() => console.error("late"), 20);
      });
      console.log("outside");
      await new Promise((resolve) => setTimeout(resolve, 100));
      seen.map(({ type, text, shown }) => text ?? shown.data["text/plain"])""")
    assert cell.result == "[ 'inside\\n', 'shown', 'late\\n' ]"
    assert cell.text() == "sink stream\nsink display\noutside\nsink stream\n" and cell.text("stderr") == ""
