"""What a cell's last expression shows, with the real libraries."""

import base64

import pytest


def shown(kernel, code):
    (result,) = kernel.run(code).of("execute_result")
    return result["data"]


def test_a_tensor_shows_shape_type_values_and_statistics_and_leaves_nothing_behind(notebook_kernel):
    notebook_kernel.run("import { tf } from '../lib/tensor';\nconst before = tf.memory().numTensors;")
    assert notebook_kernel.run("tf.tensor2d([[1, NaN, 3], [4, 5, Infinity]])").result == (
        "Tensor float32 [2, 3]: 1, NaN, 3, 4, 5, Infinity\nmin 1, mean 3.25, max 5, std 1.479, 1 NaN, 1 infinite"
    )
    assert notebook_kernel.run("tf.tensor1d([true, false, true])").result == "Tensor bool [3]: 1, 0, 1\n2 true"
    assert notebook_kernel.run("tf.tensor(['a', 'b'])").result == 'Tensor string [2]: "a", "b"'
    large = notebook_kernel.run("const large = tf.range(0, 9_000_000).reshape([3000, 3000]);\nlarge").result
    assert large == (
        "Tensor float32 [3000, 3000]: 0, 1, 2, 3, 4, 5, 6, 7, …\nmin 0, mean 4500000, max 9000000, std 2598100 (of one value in 3)"
    )
    assert notebook_kernel.run("tf.memory().numTensors - before").result == "5"


def test_frames_and_series_show_as_tables(notebook_kernel):
    frame = "import { DataFrame } from 'danfojs-node';\nconst frame = new DataFrame({ loss: [0.5, 0.25], name: ['a<b', 'c'] });\nframe"
    data = shown(notebook_kernel, frame)
    assert "<th>loss</th><th>name</th>" in data["text/html"]
    assert "<tr><th>0</th><td>0.5</td><td>a&lt;b</td></tr>" in data["text/html"]
    assert "<tr><th>1</th><td>0.25</td></tr>" in shown(notebook_kernel, "frame['loss']")["text/html"]


def test_figures_and_pictures_show_as_such(notebook_kernel):
    figure = shown(notebook_kernel, "({ data: [{ type: 'bar', y: [1, 2] }], layout: { title: { text: 'T' } } })")
    assert figure["application/vnd.plotly.v1+json"]["data"] == [{"type": "bar", "y": [1, 2]}]
    sharp = "import sharp from 'sharp';\nsharp({ create: { width: 3, height: 2, channels: 3, background: 'red' } })"
    pixels = "({ data: new Uint8Array(18), width: 3, height: 2, channels: 3 })"
    for code in (sharp, pixels):
        png = base64.b64decode(shown(notebook_kernel, code)["image/png"])
        assert png[:8] == b"\x89PNG\r\n\x1a\n" and png[16:24] == b"\0\0\0\3\0\0\0\2"


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("class Point { x = 1; #y = 2; label = 'a' }\nnew Point()", "Point { x: 1, label: 'a' }"),
        ("new Map<string, unknown>([['k', new Set([1])]])", "Map(1) { 'k' => Set(1) { 1 } }"),
        ("new Float64Array([0.5, 2])", "Float64Array(2) [ 0.5, 2 ]"),
        ("[10n, -0, undefined, null]", "[ 10n, -0, undefined, null ]"),
        ("function named() {}\nnamed", "[Function: named]"),
        ("new Date(0)", "1970-01-01T00:00:00.000Z"),
    ],
)
def test_values_show_compactly_and_coloured(notebook_kernel, code, text):
    cell = notebook_kernel.run(code)
    assert cell.result == text
    (result,) = cell.of("execute_result")
    assert "\x1b[3" in result["data"]["text/plain"]


def test_an_error_as_a_value_shows_its_message_and_place(notebook_kernel):
    cell = notebook_kernel.run("const failure = new RangeError('kept');\nfailure")
    assert cell.result.startswith("RangeError: kept\n") and f"In[{cell.reply['execution_count']}]:1:17" in cell.result
    assert "kernels" not in cell.result


def test_what_a_cell_holds_is_shown_before_it_ends(notebook_kernel):
    code = """
    const hook = (globalThis as any)[Symbol.for("Jupyter.displayHook")];
    hook.hold(new Promise((go) => setTimeout(go, 100)).then(() => hook.display({ "text/plain": "held" })));
    'result'"""
    cell = notebook_kernel.run(code)
    assert [kind for kind, _ in cell.outputs] == ["display_data", "execute_result"]
