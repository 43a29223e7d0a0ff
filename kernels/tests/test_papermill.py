"""The papermill plugin: translated values, parsed defaults, and a parameterised notebook run end to end."""

import math

import nbformat
import papermill
import pytest
from papermill.parameterize import parameterize_notebook
from papermill.translators import papermill_translators
from vitrine_papermill import TypeScriptTranslator


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (3, "3"),
        (1e-05, "1e-05"),
        (math.nan, "Number.NaN"),
        (math.inf, "Number.POSITIVE_INFINITY"),
        (-math.inf, "Number.NEGATIVE_INFINITY"),
        ('say "hi"\n\\ ${x} `', '"say \\"hi\\"\\n\\\\ ${x} `"'),
        ([1, "a", None], '[1, "a", null]'),
        ({"a": [True], "b c": {}}, '{ "a": [true], "b c": {} }'),
        ({"__proto__": 1}, '{ ["__proto__"]: 1 }'),
    ],
)
def test_values_become_typescript(value, expected):
    assert TypeScriptTranslator.translate(value) == expected


def test_the_translator_is_registered_for_the_language():
    assert papermill_translators.find_translator("vitrine", "typescript") is TypeScriptTranslator


def test_the_parameters_of_a_cell_are_read_with_type_default_and_help():
    source = "const steps = 500; // training steps\nlet rate: number = 1e-3;\nconst f = (x: number) => x;\n// no\nsteps == 3"
    found = TypeScriptTranslator.inspect({"source": source})
    assert [(p.name, p.inferred_type_name, p.default, p.help) for p in found] == [
        ("steps", "None", "500", "training steps"),
        ("rate", "number", "1e-3", ""),
        ("f", "None", "(x: number) => x", ""),
    ]


def notebook():
    made = nbformat.v4.new_notebook()
    made.metadata["kernelspec"] = {"name": "vitrine", "display_name": "TypeScript (Vitrine)", "language": "typescript"}
    made.metadata["language_info"] = {"name": "typescript"}
    made.metadata["papermill"] = {}
    defaults = nbformat.v4.new_code_cell("const steps = 500;\nconst name = 'default';\nconst layers = [1, 2];")
    defaults.metadata["tags"] = ["parameters"]
    use = nbformat.v4.new_code_cell("const summary = `${name}:${steps * 2}:${layers.length}`;\nsummary")
    use.metadata["tags"] = []
    made.cells = [defaults, use]
    return made


def test_a_notebook_runs_with_its_defaults_replaced(tmp_path):
    nbformat.write(notebook(), tmp_path / "in.ipynb")
    papermill.execute_notebook(
        str(tmp_path / "in.ipynb"),
        str(tmp_path / "out.ipynb"),
        parameters={"steps": 21, "name": 'with "quotes"', "layers": [3]},
        progress_bar=False,
        cwd=str(tmp_path),
    )
    done = nbformat.read(tmp_path / "out.ipynb", as_version=4)
    assert done.cells[-1].outputs[0]["data"]["text/plain"] == "'with \"quotes\":42:1'"


def test_the_injected_cell_is_typescript():
    made = parameterize_notebook(notebook(), {"steps": 2}, kernel_name="vitrine", language="typescript")
    assert made.cells[1].source == "// Parameters\nconst steps = 2;\n"
