"""Jupyter's own conformance tests (`jupyter_kernel_test`) against a kernel, in a process of their own."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

#: What the tests are given for each kernel; what a kernel cannot be asked is left out, and its test counts as skipped.
JAVASCRIPT = {
    "code_hello_world": "console.log('hello, world')",
    "code_stderr": "console.error('to stderr')",
    "completion_samples": [{"text": "Math.hyp", "matches": ["hypot"]}],
    "complete_code_samples": ["1 + 1", "function f() { return 1 }"],
    "incomplete_code_samples": ["function f() {", "foo(1,"],
    "invalid_code_samples": ["const const = 1"],
    "code_page_something": "Math.max?",
    "code_generate_error": "throw new RangeError('no')",
    "code_execute_result": [{"code": "1 + 2", "result": "3"}],
    "code_inspect_sample": "Math.max",
    "code_clear_output": "console.clear()",
    "code_history_pattern": "1 +*",
    "supported_history_operations": ["tail", "range", "search"],
}
DISPLAY = {
    "Vitrine": "import * as tslab from 'tslab'; tslab.display.html('<b>bold</b>')",
    "tslab": "import * as tslab from 'tslab'; tslab.display.html('<b>bold</b>')",
    "Deno": "Deno.jupyter.broadcast('display_data', { data: { 'text/html': '<b>bold</b>' }, metadata: {}, transient: {} })",
    "ijavascript": "$$.display('b').html('<b>bold</b>')",
}
LANGUAGES = {"Vitrine": ("typescript", ".ts"), "tslab": ("typescript", ".ts"), "Deno": ("typescript", ".ts"), "ijavascript": ("javascript", ".js")}

TEST = """
import json
import sys
import unittest

import jupyter_kernel_test

class PeerTests(jupyter_kernel_test.KernelTests):
    kernel_name = "peer"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.kc.execute_interactive("undefined", timeout=120)

for name, value in json.loads({samples!r}).items():
    if name == "completion_samples":
        value = [{{"text": sample["text"], "matches": set(sample["matches"])}} for sample in value]
    setattr(PeerTests, name, value)

tests = unittest.defaultTestLoader.loadTestsFromTestCase(PeerTests)
result = unittest.TestResult()
tests.run(result)
# A test with parts counts once.
names = lambda entries: {{getattr(test, "test_case", test).id() for test, _ in entries}}
failed = names(result.failures + result.errors)
skipped = names(result.skipped) - failed
for test, text in result.failures + result.errors:
    print(test.id(), text[-300:], file=sys.stderr)
print(json.dumps([tests.countTestCases() - len(failed) - len(skipped), len(failed), len(skipped)]))
"""


def conformance(peer):
    """passed / failed / skipped tests."""
    language, extension = LANGUAGES[peer.name]
    samples = {**JAVASCRIPT, "language_name": language, "file_extension": extension, "code_display_data": [{"code": DISPLAY[peer.name], "mime": "text/html"}]}
    with tempfile.TemporaryDirectory(prefix="vitrine-conformance-") as folder:
        spec = Path(folder) / "kernels" / "peer"
        spec.mkdir(parents=True)
        about = {"argv": peer.argv, "display_name": peer.name, "language": language, "interrupt_mode": peer.interrupt_mode, "env": peer.env}
        (spec / "kernel.json").write_text(json.dumps(about))
        script = Path(folder) / "peer_tests.py"
        script.write_text(TEST.format(samples=json.dumps(samples)))
        env = {**os.environ, "JUPYTER_PATH": folder, "JUPYTER_DATA_DIR": str(Path(folder) / "data"), "PYTHONDONTWRITEBYTECODE": "1"}
        run = subprocess.run([sys.executable, str(script)], cwd=folder, env=env, capture_output=True, text=True, timeout=900)
    print(f"  {peer.name}: {run.stderr[-1500:]}", file=sys.stderr)
    return " / ".join(map(str, json.loads(run.stdout.splitlines()[-1])))
