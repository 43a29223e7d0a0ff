"""Jupyter's own conformance tests; nothing is skipped."""

import jupyter_kernel_test


def number(value):
    """As a coloured result shows it."""
    return f"\x1b[33m{value}\x1b[39m"


def text(value):
    return f"\x1b[32m'{value}'\x1b[39m"


class VitrineKernelTests(jupyter_kernel_test.KernelTests):
    kernel_name = "vitrine"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # The first cell waits for the type checker, on a busy machine longer than the time these tests allow.
        cls.kc.execute_interactive("undefined", timeout=120)

    language_name = "typescript"
    file_extension = ".ts"
    code_hello_world = "console.log('hello, world')"
    code_stderr = "console.error('to stderr')"
    completion_samples = [
        {"text": "Math.sq", "matches": {"sqrt", "SQRT1_2", "SQRT2"}},
        {"text": "'🦊'.toUpperC", "matches": {"toUpperCase"}},
        {"text": "const own = 1;\now", "matches": {"own"}},
    ]
    complete_code_samples = ["1 + 1", "function f() { return 1 }", "const a = `x`;", "await f()", "// note"]
    incomplete_code_samples = ["function f() {", "foo(1,", "const a = `x", "/* open", "if (true) {\n  f();"]
    invalid_code_samples = ["const const = 1", "1 +* 2\nfoo()", "'open\nfoo()"]
    code_page_something = "Math.max?"
    code_generate_error = "throw new RangeError('no')"
    code_execute_result = [
        {"code": "1 + 2", "result": "3"},
        {"code": "[1, 2, 3].map((x) => x * 2)", "result": f"[ {number(2)}, {number(4)}, {number(6)} ]"},
        {"code": "({ '❤': 'x' })", "result": f"{{ {text('❤')}: {text('x')} }}"},
        {"code": "{ a: 1, b: 'c' }", "result": f"{{ a: {number(1)}, b: {text('c')} }}"},
    ]
    code_display_data = [
        {
            "code": "import * as tslab from 'tslab'; tslab.display.html('<b>bold</b>')",
            "mime": "text/html",
        },
        {
            "code": "import * as tslab2 from 'tslab'; tslab2.display.png(new Uint8Array([137, 80]))",
            "mime": "image/png",
        },
    ]
    supported_history_operations = ("tail", "range", "search")
    code_inspect_sample = "Math.max"
    code_clear_output = "console.clear()"

    # Of these cells alone: the history is shared with the other tests' kernels.
    code_history_pattern = "({ '❤'*"


class VitrineIopubWelcomeTests(jupyter_kernel_test.IopubWelcomeTests):
    kernel_name = "vitrine"
    support_iopub_welcome = True


def test_nothing_is_left_out():
    """What these tests are given no sample for they skip without a word."""
    samples = [name for name, value in vars(jupyter_kernel_test.KernelTests).items() if isinstance(value, (str, list, tuple)) and not name.startswith("_")]
    assert len(samples) >= 15
    assert [name for name in samples if not getattr(VitrineKernelTests, name)] == []
