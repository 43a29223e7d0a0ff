"""Fixtures: the kernelspec of this clone, made from its template, and a running kernel with a client."""

import json
import os
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path

import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

ROOT = Path(__file__).resolve().parents[2]

# Before anything looks for kernels: `jupyter_kernel_test` and papermill search the whole Jupyter path.
SPECS = Path(tempfile.mkdtemp(prefix="vitrine-kernelspec-"))
os.environ["JUPYTER_PATH"] = os.pathsep.join(filter(None, [str(SPECS), os.environ.get("JUPYTER_PATH")]))
# What tests run is no part of a person's history.
os.environ["JUPYTER_DATA_DIR"] = tempfile.mkdtemp(prefix="vitrine-data-")


def fill(value, node):
    """kernel.json with its placeholders replaced, as the set-up does."""
    if isinstance(value, str):
        return value.replace("{node}", node).replace("{root}", str(ROOT))
    if isinstance(value, list):
        return [fill(item, node) for item in value]
    return {key: fill(item, node) for key, item in value.items()} if isinstance(value, dict) else value


def write_spec():
    node = os.environ.get("VITRINE_NODE") or shutil.which("node")
    assert node, "expected node on the PATH"
    folder = SPECS / "kernels" / "vitrine"
    folder.mkdir(parents=True)
    template = json.loads((ROOT / "kernels" / "kernelspec" / "kernel.json").read_text())
    (folder / "kernel.json").write_text(json.dumps(fill(template, node)))


write_spec()
sys.path.insert(0, str(ROOT / "kernels" / "papermill"))


class Cell:
    """What one cell sent: outputs in order, and its reply."""

    def __init__(self, outputs, reply, seconds):
        self.outputs = outputs
        self.reply = reply
        self.seconds = seconds

    def of(self, msg_type):
        return [content for kind, content in self.outputs if kind == msg_type]

    @property
    def result(self):
        (found,) = self.of("execute_result")
        return re.sub(r"\x1b\[[\d;]*m", "", found["data"]["text/plain"])  # Objects are coloured.

    def text(self, name="stdout"):
        return "".join(content["text"] for content in self.of("stream") if content["name"] == name)


class Kernel:
    def __init__(self, cwd, **options):
        self.cwd = Path(cwd)
        manager = KernelSpecManager(kernel_dirs=[str(SPECS / "kernels")])
        self.manager = KernelManager(kernel_name="vitrine", kernel_spec_manager=manager)
        self.manager.start_kernel(cwd=str(cwd), **options)
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=120)
        self.run("undefined", timeout=120)

    def run(self, code, timeout=180, **options):
        return self.collect(self.client.execute(code, **options), timeout)

    def interrupt(self, code, timeout=180, wait=0.3):
        """Runs a cell and interrupts it `wait` seconds after it has begun."""
        msg_id = self.client.execute(f"console.log('begun');\n{code}")
        while True:
            message = self.client.get_iopub_msg(timeout=timeout)
            if message["msg_type"] == "stream" and message["parent_header"].get("msg_id") == msg_id:
                break
        time.sleep(wait)
        self.send_interrupt()
        return self.collect(msg_id, timeout)

    def send_interrupt(self):
        """Returns when the kernel has got it: it travels on another channel than cells, and a cell sent right after it may be there first."""
        control = self.client.control_channel
        request = self.client.session.msg("interrupt_request", {})
        control.send(request)
        while control.get_msg(timeout=60)["parent_header"].get("msg_id") != request["header"]["msg_id"]:
            pass

    def collect(self, msg_id, timeout=180):
        started = time.monotonic()
        outputs = []
        while True:
            message = self.client.get_iopub_msg(timeout=timeout)
            kind, content = message["msg_type"], message["content"]
            if message["parent_header"].get("msg_id") != msg_id:
                continue
            if kind == "status":
                if content["execution_state"] == "idle":
                    break
            elif kind != "execute_input":
                outputs.append((kind, content))
        while True:
            reply = self.client.get_shell_msg(timeout=timeout)
            if reply["parent_header"].get("msg_id") == msg_id:
                return Cell(outputs, reply["content"], time.monotonic() - started)

    def has_replied(self):
        """Whether a reply on the shell channel waits to be read."""
        return bool(self.client.shell_channel.socket.poll(0))

    def close(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel()


def children_of(pid):
    """Ids of the processes that a process started, and those started."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == pid:
            found |= {int(folder.name)} | children_of(int(folder.name))
    return found


def processes_of(kernel):
    """All that a kernel has started."""
    return children_of(kernel.manager.provisioner.process.pid)


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    """One kernel for a file of tests, started in an empty folder outside the clone."""
    running = Kernel(tmp_path_factory.mktemp("notebook"))
    yield running
    running.close()


@pytest.fixture(scope="module")
def notebook_kernel():
    """One kernel started where JupyterLab starts it: in notebooks/."""
    folder = ROOT / "notebooks"
    folder.mkdir(exist_ok=True)
    running = Kernel(folder)
    yield running
    running.close()
