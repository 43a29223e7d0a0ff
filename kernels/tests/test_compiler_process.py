"""The compiler is a process of its own: what a notebook has must not depend on its life."""

import os
import signal
import subprocess
import time


def compiler_process(kernel):
    kernel_pid = kernel.manager.provisioner.process.pid
    command = ["pgrep", "-P", str(kernel_pid), "-f", "kernel.*compiler"]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    (pid,) = found.stdout.split()
    return int(pid)


def test_names_and_types_outlive_a_lost_compiler(kernel):
    kernel.run("const kept: number[] = [40]; function add(x: number) { return kept[0] + x }")
    time.sleep(3.5)  # A process that dies sooner is not started again.
    before = compiler_process(kernel)
    os.kill(before, signal.SIGKILL)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        cell = kernel.run("add(2)")
        if cell.reply["status"] == "ok":
            break
        assert "compiler" in cell.reply["evalue"]
    assert cell.result == "42"
    assert compiler_process(kernel) != before
    assert kernel.run("add('2')").reply["ename"] == "TypeScriptError"


def test_the_compiler_ends_with_a_killed_kernel(kernel):
    pid = compiler_process(kernel)
    kernel.manager.provisioner.process.kill()
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and os.path.exists(f"/proc/{pid}"):
        time.sleep(0.2)
    assert not os.path.exists(f"/proc/{pid}")
