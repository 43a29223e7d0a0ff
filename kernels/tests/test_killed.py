"""A kernel that is killed in the middle of a cell: nothing of it is left, and another one takes its place."""

import asyncio
import os
import signal
import time

import psutil
from conftest import SPECS, Kernel, children_of
from jupyter_client.ioloop import AsyncIOLoopKernelManager
from jupyter_client.kernelspec import KernelSpecManager


def living(pids):
    """Those that run still; a zombie whose parent is gone does not."""
    found = []
    for pid in pids:
        try:
            if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                found.append(pid)
        except psutil.NoSuchProcess:
            pass
    return found


def test_a_killed_kernel_leaves_nothing_and_starts_again(tmp_path):
    kernel = Kernel(tmp_path)
    kernel.run("let variable = 'of the first life'; variable")
    command = "!echo begun; sleep 600 & sh -c 'sleep 601'"
    kernel.client.execute(f"{command}\nawait new Promise(() => {{}})")
    while kernel.client.get_iopub_msg(timeout=60)["msg_type"] != "stream":
        pass
    pid = kernel.manager.provisioner.process.pid
    deadline = time.monotonic() + 20
    while len(children_of(pid)) < 4 and time.monotonic() < deadline:
        time.sleep(0.05)
    # The compiler's process, the command's shells and what they started.
    started = children_of(pid)
    assert len(started) >= 4
    kernel.manager.signal_kernel(signal.SIGKILL)
    kernel.manager.provisioner.process.wait(timeout=30)
    deadline = time.monotonic() + 20
    while living(started) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert living(started) == []

    kernel.manager.restart_kernel(now=True)
    kernel.client.wait_for_ready(timeout=120)
    assert "Cannot find name 'variable'" in kernel.run("variable").reply["evalue"]
    history = kernel.client.history(hist_access_type="tail", n=3, reply=True, timeout=60)["content"]["history"]
    assert [text.split("\n")[0] for _, _, text in history] == ["let variable = 'of the first life'; variable", command, "variable"]
    kernel.close()


def test_jupyters_server_starts_a_killed_kernel_again(tmp_path):
    async def scenario():
        specs = KernelSpecManager(kernel_dirs=[str(SPECS / "kernels")])
        # What jupyter_server keeps kernels with.
        manager = AsyncIOLoopKernelManager(kernel_name="vitrine", kernel_spec_manager=specs, autorestart=True)
        await manager.start_kernel(cwd=str(tmp_path))
        client = manager.client()
        client.start_channels()
        await client.wait_for_ready(timeout=120)
        client.execute("await new Promise(() => {})")
        first = manager.provisioner.process.pid
        os.kill(first, signal.SIGKILL)
        deadline = time.monotonic() + 60
        while (not manager.provisioner.process or manager.provisioner.process.pid == first) and time.monotonic() < deadline:
            await asyncio.sleep(0.1)
        assert manager.provisioner.process.pid != first
        await client.wait_for_ready(timeout=120)
        reply = await client.execute("40 + 2", reply=True, timeout=120)
        client.stop_channels()
        await manager.shutdown_kernel(now=True)
        return reply["content"]

    reply = asyncio.run(scenario())
    assert (reply["status"], reply["execution_count"]) == ("ok", 1)
