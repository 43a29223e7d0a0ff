"""A kernel started as Jupyter starts it, and a client that adds as little of its own time as it can: plain sockets, one poll."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

import zmq
from jupyter_client.connect import write_connection_file
from jupyter_client.session import Session

CHANNELS = ("shell", "iopub", "stdin", "control")
OUTPUTS = ("stream", "execute_result", "display_data", "update_display_data", "error", "clear_output")


class Lost(Exception):
    """A message that must come did not."""


class Cell:
    """All that one request brought: IOPub messages in order with their arrival, the reply, and seconds until the last of both."""

    def __init__(self):
        self.messages = []
        self.reply = None
        self.seconds = None
        self.idle = False

    def of(self, msg_type):
        return [content for kind, content, _ in self.messages if kind == msg_type]

    def text(self, name="stdout"):
        return "".join(content["text"] for content in self.of("stream") if content["name"] == name)

    def shown(self):
        """Everything that was printed or shown as text: tslab gives results as prints, others as execute_result."""
        texts = []
        for kind, content, _ in self.messages:
            if kind == "stream":
                texts.append(content["text"])
            elif kind in ("execute_result", "display_data", "update_display_data"):
                texts.append(str(content["data"].get("text/plain", "")))
        return "".join(texts)

    def error(self):
        """The error's text wherever the kernel tells it."""
        parts = ["\n".join([str(c.get("ename")), str(c.get("evalue")), *c.get("traceback", [])]) for c in self.of("error")]
        return "\n".join(parts) + self.text("stderr")

    @property
    def status(self):
        return self.reply["content"]["status"] if self.reply else "no reply"


class Kernel:
    """`argv` with `{connection_file}` in it; the process and all its children end with `close`."""

    def __init__(self, argv, cwd, env=None, interrupt_mode="signal"):
        self.interrupt_mode = interrupt_mode
        self.folder = tempfile.TemporaryDirectory(prefix="vitrine-bench-")
        key = uuid.uuid4().hex.encode()
        name, self.info = write_connection_file(str(Path(self.folder.name) / "kernel.json"), ip="127.0.0.1", key=key)
        self.session = Session(key=key)
        self.context = zmq.Context()
        self.cells = {}
        self.other = []
        self.log = open(Path(self.folder.name) / "log", "wb")
        self.started = time.perf_counter()
        self.process = subprocess.Popen(
            [part.replace("{connection_file}", name) for part in argv],
            cwd=cwd,
            env={**os.environ, "JPY_PARENT_PID": str(os.getpid()), **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
            start_new_session=True,
        )
        self._wait_for_ports()
        self.sockets = {channel: self._connect(channel) for channel in CHANNELS}
        self.poller = zmq.Poller()
        for socket in self.sockets.values():
            self.poller.register(socket, zmq.POLLIN)

    def _wait_for_ports(self, timeout=120):
        """Until the kernel listens everywhere: ZeroMQ's own attempts come in steps of 100 ms, and tslab breaks if it is spoken to before."""
        for name in ("iopub_port", "control_port", "stdin_port", "hb_port", "shell_port"):
            while True:
                with contextlib.closing(socket.socket()) as attempt:
                    if attempt.connect_ex(("127.0.0.1", self.info[name])) == 0:
                        break
                if self.process.poll() is not None or time.perf_counter() - self.started > timeout:
                    raise Lost(f"a listening kernel within {timeout} s; the process printed: {self.printed()[-800:]}")
                time.sleep(0.002)

    def _connect(self, channel):
        channel_socket = self.context.socket(zmq.SUB if channel == "iopub" else zmq.DEALER)
        channel_socket.setsockopt(zmq.LINGER, 0)
        channel_socket.setsockopt(zmq.RCVHWM, 0)
        if channel == "iopub":
            channel_socket.setsockopt(zmq.SUBSCRIBE, b"")
        else:
            channel_socket.setsockopt(zmq.IDENTITY, self.session.bsession)
        channel_socket.connect(f"tcp://127.0.0.1:{self.info[f'{channel}_port']}")
        return channel_socket

    def printed(self):
        """What the process wrote to its own stdout and stderr, for when it dies."""
        self.log.flush()
        return Path(self.log.name).read_text(errors="replace")

    def send(self, msg_type, content, channel="shell"):
        message = self.session.msg(msg_type, content)
        self.cells[message["header"]["msg_id"]] = cell = Cell()
        cell.sent = time.perf_counter()
        self.session.send(self.sockets[channel], message)
        return cell

    def execute(self, code, **options):
        content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False, "stop_on_error": True}
        return self.send("execute_request", {**content, **options})

    def pump(self, timeout):
        """Reads what has come within `timeout` seconds; False if nothing came."""
        ready = self.poller.poll(timeout * 1000)
        for socket, _ in ready:
            while True:
                try:
                    frames = socket.recv_multipart(zmq.NOBLOCK)
                except zmq.Again:
                    break
                self._take(socket, frames)
        return bool(ready)

    def _take(self, socket, frames):
        now = time.perf_counter()
        _, frames = self.session.feed_identities(frames)
        try:
            message = self.session.deserialize(frames)
        except ValueError as reason:
            # A front end drops it as well.
            print(f"  kernel: a message was dropped: {str(reason)[:80]}", file=sys.stderr)
            return
        kind, content = message["msg_type"], message["content"]
        cell = self.cells.get(message["parent_header"].get("msg_id"))
        if cell is None:
            self.other.append(message)
        elif socket is self.sockets["stdin"]:
            cell.messages.append((kind, content, now))
        elif socket is not self.sockets["iopub"]:
            cell.reply, cell.reply_seconds = message, now - cell.sent
            cell.seconds = now - cell.sent
        elif kind == "status":
            if content["execution_state"] == "idle":
                cell.idle = True
                cell.seconds = now - cell.sent
        elif kind != "execute_input":
            cell.messages.append((kind, content, now))
            cell.seconds = now - cell.sent

    def wait(self, condition, timeout, what="a message"):
        end = time.perf_counter() + timeout
        while not condition():
            left = end - time.perf_counter()
            if left <= 0:
                raise Lost(f"{what} within {timeout} s; the process printed: {self.printed()[-800:]}")
            self.pump(min(left, 0.5))
            if self.process.poll() is not None and not self.pump(0.05):
                if condition():
                    return
                raise Lost(f"{what}: the process ended with {self.process.returncode}: {self.printed()[-800:]}")

    def finish(self, cell, timeout=120):
        """Waits for the reply and for `idle`; a kernel that replied and stays without `idle` for 2 s has lost it."""
        self.wait(lambda: cell.reply is not None, timeout, "a reply")
        try:
            self.wait(lambda: cell.idle, 2 if timeout > 2 else timeout, "idle")
        except Lost:
            if self.process.poll() is not None:
                raise
        return cell

    def run(self, code, timeout=120, **options):
        return self.finish(self.execute(code, **options), timeout)

    def ask(self, msg_type, content, channel="shell", timeout=30):
        cell = self.send(msg_type, content, channel)
        self.wait(lambda: cell.reply is not None, timeout, f"a reply to {msg_type}")
        return cell

    def complete(self, code, cursor=None):
        return self.ask("complete_request", {"code": code, "cursor_pos": len(code) if cursor is None else cursor})

    def drain(self, seconds=0.3):
        """Reads until nothing has come for so long."""
        while self.pump(seconds):
            pass

    def interrupt(self):
        if self.interrupt_mode == "message":
            self.send("interrupt_request", {}, "control")
        else:
            os.kill(self.process.pid, signal.SIGINT)

    def is_alive(self):
        return self.process.poll() is None

    def tree(self):
        """The ids of the process and of all below it."""
        children = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    stat = (entry / "stat").read_text()
                except OSError:
                    continue
                children.setdefault(int(stat.rsplit(")", 1)[1].split()[1]), []).append(int(entry.name))
        found, waiting = [], [self.process.pid]
        while waiting:
            pid = waiting.pop()
            found.append(pid)
            waiting += children.get(pid, [])
        return found

    def memory_mb(self):
        """Proportional set size of the whole process tree, MB: shared pages count once."""
        total = 0
        for pid in self.tree():
            try:
                text = Path(f"/proc/{pid}/smaps_rollup").read_text()
            except OSError:
                continue
            total += sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
        return total / 1024

    def close(self):
        pids = self.tree() if self.is_alive() else []
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()
        self.context.destroy(linger=0)
        self.log.close()
        self.folder.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def start_ready(kernel, timeout=60):
    """Waits for kernel_info, then until IOPub is seen as well. Returns seconds from start to the kernel_info reply."""
    info = kernel.send("kernel_info_request", {})
    kernel.wait(lambda: info.reply is not None, timeout, "kernel_info_reply")
    seconds = time.perf_counter() - kernel.started
    while not info.idle:
        kernel.drain(0.05)
        if info.idle:
            break
        info = kernel.ask("kernel_info_request", {})
        kernel.pump(0.1)
    return seconds
