"""Ten thousand messages that no front end should send: the kernel answers or drops each, and lives on."""

import hashlib
import hmac
import json
import random
import time
import uuid

import psutil
import zmq
from conftest import Kernel

# What is to be dropped would be noticed.
BOMB = "process.kill(process.pid, 'SIGKILL')"
SEED = 20_240
COUNT = 10_000

TEXTS = ["", "a", "🦊", "\ud800".encode("utf-16", "surrogatepass").decode("utf-16", "ignore"), "\0", "../" * 20, "x" * 3_000, "__proto__", "constructor", "%time", "!", "{{{{", "`${", "/*", "'", "import '", "\u2028"]
VALUES = [None, True, False, 0, -1, 2**53, 1e308, -0.5, "", "text", "🦊", [], [[]], {}, {"a": {}}, {"__proto__": {"x": 1}}, ["x"] * 50]
CODES = ["1", "undefined", "const a = 1", "throw 1", "a.", "x" * 100, "{", "Math.", "console.log('🦊')", "'\\ud800'", "%foo", "Promise.reject(new Error('x'))", "f?"]
FIELDS = {
    "execute_request": ["code", "silent", "store_history", "user_expressions", "allow_stdin", "stop_on_error"],
    "inspect_request": ["code", "cursor_pos", "detail_level"],
    "complete_request": ["code", "cursor_pos"],
    "is_complete_request": ["code"],
    "history_request": ["output", "raw", "hist_access_type", "session", "start", "stop", "n", "pattern", "unique"],
    "comm_info_request": ["target_name"],
    "kernel_info_request": [],
    "usage_request": [],
    "interrupt_request": [],
    "debug_request": ["type", "seq", "command", "arguments"],
    "shutdown_request": ["restart"],
    "comm_open": ["comm_id", "target_name", "data"],
    "comm_msg": ["comm_id", "data"],
    "comm_close": ["comm_id", "data"],
    "input_reply": ["value"],
}
# A debugger that is asked to stop the thread does so: not these.
COMMANDS = ["debugInfo", "dumpCell", "setBreakpoints", "source", "stackTrace", "scopes", "variables", "evaluate", "inspectVariables", "richInspectVariables", "copyToGlobals", "nonsense", ""]


class Fuzzer:
    def __init__(self, key):
        self.random = random.Random(SEED)
        self.key = key.encode()
        self.sent = []
        # Ids of well-formed requests: each is to be answered once.
        self.expected = set()

    def sign(self, frames):
        return hmac.new(self.key, b"".join(frames), hashlib.sha256).hexdigest().encode()

    def frames(self, parts, signature=None):
        return [b"<IDS|MSG>", self.sign(parts) if signature is None else signature, *parts]

    def header(self, msg_type):
        return {"msg_id": str(uuid.UUID(int=self.random.getrandbits(128))), "session": "fuzz", "username": "f", "date": "", "msg_type": msg_type, "version": "5.4"}

    def valid_parts(self, msg_type, content):
        return [json.dumps(part).encode() for part in (self.header(msg_type), {}, {}, content)]

    def content(self, msg_type):
        """Fields of the request, some left out, most of a wrong type."""
        pick = self.random.choice
        content = {name: pick(VALUES) for name in FIELDS[msg_type] if self.random.random() < 0.8}
        if msg_type == "shutdown_request":
            content["restart"] = pick(["no", 1, [], {}])
        if "code" in content and self.random.random() < 0.3:
            content["code"] = pick(CODES)
        if msg_type == "execute_request" and isinstance(content.get("code"), str):
            content["code"] = pick(CODES)
        if "command" in content:
            content["command"] = pick(COMMANDS)
        return content

    def wrong_content(self):
        msg_type = self.random.choice(list(FIELDS))
        parts = self.valid_parts(msg_type, self.content(msg_type))
        return self.frames(parts), msg_type, json.loads(parts[0])["msg_id"]

    def unknown_type(self):
        msg_type = self.random.choice(["nonsense_request", "toString_request", "_request", "__proto___request", "constructor", "toString", "hasOwnProperty", "x" * 5_000])
        parts = self.valid_parts(msg_type, {"a": 1})
        return self.frames(parts), msg_type, json.loads(parts[0])["msg_id"]

    def forged(self):
        parts = self.valid_parts("execute_request", {"code": BOMB})
        signature = self.random.choice([b"", b"0" * 64, b"x", self.random.randbytes(32), self.sign(parts)[:-1], self.sign(parts).upper(), b"f" * 100_000])
        return self.frames(parts, signature), None, None

    def replayed(self):
        """On the channel on which it came first: on another one it may overtake itself."""
        return (self.random.choice(self.sent) if self.sent else (self.forged()[0], None)), None, None

    def broken_json(self):
        parts = self.valid_parts("execute_request", {"code": BOMB})
        bad = [b"", b"{", b"null", b"[]", b"1", b'"text"', b"\xff\xfe{}", b'{"a": "\xc3\x28"}', b'{"code": "\xed\xa0\x80"}', b"NaN", b"{}" * 2, b"[" * 50_000, b'{"a":' * 20_000 + b"1"]
        for _ in range(self.random.randint(1, 3)):
            parts[self.random.randrange(3)] = self.random.choice(bad)
        return self.frames(parts), None, None

    def broken_header(self):
        header = self.header("execute_request")
        for name in self.random.sample(sorted(header), 3):
            header[name] = self.random.choice(VALUES)
        header["msg_type"] = self.random.choice([None, 1, [], {}, {"toString": 1}])
        return self.frames([json.dumps(part).encode() for part in (header, {}, {}, {"code": BOMB})]), None, None

    def broken_frames(self):
        parts = self.valid_parts("execute_request", {"code": BOMB})
        whole = self.frames(parts)
        kind = self.random.randrange(5)
        if kind == 0:
            return [self.random.randbytes(self.random.randrange(200)) for _ in range(self.random.randint(1, 8))], None, None
        if kind == 1:
            return whole[: self.random.randint(1, 5)], None, None
        if kind == 2:
            return [b""] * self.random.randint(1, 50), None, None
        if kind == 3:
            self.random.shuffle(whole)
            return whole[1:] if whole[0] == b"<IDS|MSG>" and whole[2:] == parts else whole, None, None
        return [b"<IDS|MSG>"] * self.random.randint(1, 10), None, None

    def deep(self):
        depth = self.random.choice([100, 5_000, 100_000])
        inner = b"[" * depth + b"]" * depth
        msg_type = self.random.choice(["execute_request", "debug_request", "complete_request", "comm_msg", "history_request"])
        parts = self.valid_parts(msg_type, {})
        parts[3] = b'{"code": ' + inner + b', "arguments": ' + inner + b', "data": ' + inner + b"}"
        return self.frames(parts), msg_type, json.loads(parts[0])["msg_id"]

    def huge(self):
        msg_type = self.random.choice(["is_complete_request", "history_request", "comm_open", "debug_request"])
        content = {"code": "1;" * 20_000, "pattern": "*a" * 50_000, "hist_access_type": "search", "comm_id": "c" * 10**6, "command": "x" * 10**6}
        parts = self.valid_parts(msg_type, content)
        return self.frames(parts) + [b"b" * 10**6], msg_type, json.loads(parts[0])["msg_id"]

    def next(self):
        kinds = [self.wrong_content, self.unknown_type, self.forged, self.replayed, self.broken_json, self.broken_header, self.broken_frames, self.deep, self.huge]
        (make,) = self.random.choices(kinds, weights=[30, 8, 20, 12, 12, 8, 20, 0.4, 0.2])
        return make()


def test_every_message_is_answered_or_dropped(tmp_path):
    log = tmp_path / "log"
    with log.open("wb") as stderr:
        kernel = Kernel(tmp_path, stderr=stderr)
    connection = json.loads(open(kernel.manager.connection_file).read())
    process = psutil.Process(kernel.manager.provisioner.process.pid)
    memory = process.memory_info().rss
    fuzzer = Fuzzer(connection["key"])
    context = zmq.Context()
    sockets = {}
    for channel, kind in (("shell", zmq.DEALER), ("control", zmq.DEALER), ("stdin", zmq.DEALER), ("iopub", zmq.XSUB), ("hb", zmq.DEALER)):
        sockets[channel] = context.socket(kind)
        sockets[channel].set_hwm(0)
        sockets[channel].linger = 0
        sockets[channel].connect(f"tcp://127.0.0.1:{connection[channel + '_port']}")
    answered = []

    def read():
        for channel in ("shell", "control"):
            while sockets[channel].poll(0):
                frames = sockets[channel].recv_multipart()
                answered.append(json.loads(frames[frames.index(b"<IDS|MSG>") + 3]).get("msg_id"))

    expected = set()
    for i in range(COUNT):
        frames, msg_type, msg_id = fuzzer.next()
        (channel,) = fuzzer.random.choices(["shell", "control", "stdin", "iopub", "hb"], weights=[40, 40, 10, 5, 5])
        if isinstance(frames, tuple):
            frames, channel = frames[0], frames[1] or channel
        sockets[channel].send_multipart(frames)
        if channel not in ("shell", "control"):
            continue
        if msg_id is not None:
            fuzzer.sent.append((frames, channel))
            if msg_type.endswith("_request"):
                expected.add(msg_id)
        if i % 100 == 0:
            read()

    deadline = time.monotonic() + 30
    while len(set(answered)) < len(expected) and time.monotonic() < deadline:
        read()
        time.sleep(0.01)
    assert expected - set(answered) == set()
    # A replayed message, above all, is not answered again.
    assert len(answered) == len(expected)

    assert kernel.run("40 + 2").result == "42"
    assert kernel.client.complete("Math.sq", reply=True, timeout=60)["content"]["matches"] == ["SQRT1_2", "SQRT2", "sqrt"]
    # Sockets live on as well: a heartbeat is echoed, and a new front end is welcomed.
    for kind, port, options in ((zmq.REQ, "hb_port", {}), (zmq.SUB, "iopub_port", {zmq.SUBSCRIBE: b""})):
        with context.socket(kind) as socket:
            for option, value in options.items():
                socket.setsockopt(option, value)
            socket.connect(f"tcp://127.0.0.1:{connection[port]}")
            if kind == zmq.REQ:
                socket.send(b"ping")
            assert socket.poll(10_000), port
            assert b"ping" in (first := socket.recv_multipart()) or b"iopub_welcome" in b"".join(first)
    grown = process.memory_info().rss - memory
    assert grown < 300 * 2**20, f"{grown / 2**20:.0f} MiB more"
    context.destroy(linger=0)
    kernel.close()
    assert connection["key"] not in log.read_text()
    assert "message dropped" in log.read_text()
