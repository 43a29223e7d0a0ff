"""What cells import: packages of every kind, files beside the notebook, and what happens when those are edited."""

import os
import re

import pytest

from conftest import Kernel

PACKAGES = {
    "esm-only/package.json": """{"type": "module", "exports": {
        ".": {"types": "./index.d.ts", "import": "./index.js"},
        "./deep/*": {"types": "./deep/*.d.ts", "import": "./deep/*.js"}}}""",
    "esm-only/index.js": "export const one = 1; export default function two() { return 2 }",
    "esm-only/index.d.ts": "export const one: number; export default function two(): number;",
    "esm-only/deep/three.js": "export const three = import.meta.url.endsWith('three.js') ? 3 : 0",
    "esm-only/deep/three.d.ts": "export const three: number",
    "awaiting/package.json": '{"type": "module", "exports": "./index.js", "types": "./index.d.ts"}',
    "awaiting/index.js": "export const late = await new Promise((go) => setTimeout(() => go(7), 5)); export let calls = 0; export const call = () => ++calls;",
    "awaiting/index.d.ts": "export const late: number; export let calls: number; export function call(): number;",
    "imports-awaiting/package.json": '{"type": "module", "main": "index.js"}',
    "imports-awaiting/index.js": "export { late as later } from 'awaiting'",
    "common/package.json": '{"main": "main.js", "types": "main.d.ts"}',
    "common/main.js": "module.exports = (x) => x + 1; module.exports.extra = 5;",
    "common/main.d.ts": "declare function f(x: number): number; declare namespace f { const extra: number } export = f;",
    "untyped/package.json": '{"main": "main.js"}',
    "untyped/main.js": "exports.anything = 'goes'",
}

FILES = {
    "data.json": '{"sizes": [1, 2]}',
    "state.ts": "export const seen: string[] = [];\n",
    "base.ts": "import { seen } from './state';\nseen.push('base');\nexport const factor: number = 10;\n",
    "scale.ts": "import { factor } from './base';\nexport function scale(x: number): number {\n  return x * factor;\n}\n",
    "slow.ts": "/** Fails late. */\nexport async function fail(name: string): Promise<void> {\n  try {\n    await null;\n    const wait = await new Promise<number>((go) => setTimeout(() => go(1), 1)); throw new Error(`${name} ${wait}`);\n  } finally {\n    await null;\n  }\n}\n",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("notebook")
    for name, text in {**{f"node_modules/{key}": text for key, text in PACKAGES.items()}, **FILES}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.fixture(scope="module")
def kernel(folder):
    running = Kernel(folder)
    yield running
    running.close()


def edit(folder, name, old, new):
    """As an editor would; two edits within the clock's tick are told apart as well."""
    path = folder / name
    before = path.stat()
    path.write_text(path.read_text().replace(old, new))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1_000_000_000))


@pytest.mark.parametrize(
    ("code", "result"),
    [
        ("import two, { one } from 'esm-only';\n[one, two()]", "[ 1, 2 ]"),
        ("import { three } from 'esm-only/deep/three';\nthree", "3"),
        ("import { late } from 'awaiting';\nlate", "7"),
        ("import { later } from 'imports-awaiting';\nlater", "7"),
        ("import { call, calls } from 'awaiting';\ncall();\ncalls", "1"),
        ("(await import('awaiting')).call()", "2"),
        ("import increment from 'common';\n[increment(1), increment.extra]", "[ 2, 5 ]"),
        ("import again = require('common');\nagain(2)", "3"),
        ("const common = require('common');\ncommon(3)", "4"),
        ("(await import('common')).default(4)", "5"),
        ("import { anything } from 'untyped';\nanything", "'goes'"),
        ("import data from './data.json';\ndata.sizes.length + 1", "3"),
        ("import { scale } from './scale';\nscale(2)", "20"),
        ("const name = './scale';\n(await import(name)).scale(3)", "30"),
        ("require('./scale').scale(4)", "40"),
        ("import { readFileSync } from 'node:fs';\nconst path = await import('node:path');\n[typeof readFileSync, path.join('a', 'b')]", "[ 'function', 'a/b' ]"),
    ],
)
def test_imports_of_every_kind(kernel, code, result):
    assert kernel.run(code).result == result


def test_types_of_packages_are_checked_through_their_exports(kernel):
    assert "'toUpperCase' does not exist on type 'number'" in kernel.run("import { one } from 'esm-only';\none.toUpperCase()").reply["evalue"]
    assert "TS2307" in kernel.run("import { x } from 'no-such-package';").reply["evalue"]


def test_an_edited_module_and_what_imports_it_are_loaded_again_and_all_else_keeps_its_state(kernel, folder):
    kernel.run("import { scale } from './scale';\nimport { seen } from './state';\nimport * as base from './base';\nseen.push('cell');\nconst early = () => scale(1);")
    assert kernel.run("[early(), base.factor]").result == "[ 10, 10 ]"
    edit(folder, "base.ts", "factor: number = 10", "factor: number = 100")
    # Without importing anything anew, and in a function of an older cell too.
    assert kernel.run("[early(), scale(2), base.factor, seen.join()]").result == "[ 100, 200, 100, 'base,cell,base' ]"


def test_types_follow_an_edit(kernel, folder):
    kernel.run("import { factor } from './base';")
    assert "TS2339" in kernel.run("factor.toUpperCase()").reply["evalue"]
    edit(folder, "base.ts", "factor: number = 100", "factor: string = 'many'; export const added = 5")
    assert kernel.run("factor.toUpperCase()").result == "'MANY'"
    assert kernel.run("import { added } from './base';\nadded").result == "5"
    edit(folder, "base.ts", "factor: string = 'many'; export const added = 5", "factor: number = 100")
    assert "TS2339" in kernel.run("factor.toUpperCase()").reply["evalue"]


def test_a_module_broken_by_an_edit_fails_only_the_cells_that_use_it_until_it_is_mended(kernel, folder):
    kernel.run("import { factor } from './base';")
    edit(folder, "base.ts", "export const", "throw new Error('broken');\nexport const")
    assert kernel.run("1 + 1").result == "2"
    broken = kernel.run("factor + 1")
    assert broken.reply["evalue"] == "broken" and "base.ts:3" in "\n".join(broken.reply["traceback"])
    edit(folder, "base.ts", "throw new Error('broken');\n", "")
    assert kernel.run("factor + 1").result == "101"


def test_a_traceback_points_at_the_right_column_of_a_module_with_awaits_and_into_the_cell(kernel):
    cell = kernel.run("import { fail } from './slow';\nasync function outer() {\n  await fail('late');\n}\n\nawait outer();")
    lines = [re.sub(r"\x1b\[\d+m", "", line) for line in cell.reply["traceback"]]
    assert lines[0] == "Error: late 1"
    label = f"In[{cell.reply['execution_count']}]"
    places = [line for line in lines if re.match(r"\S.*:\d+:\d+", line)]
    assert re.search(r"slow\.ts:5:87 fail$", places[0])
    assert [place.split(" ", 1)[1] for place in places[1:]] == [f"{label}:3:3 outer", f"{label}:6:1"]
    caret = lines[lines.index(places[0]) + 3]
    assert caret.index("^") - caret.index("│ ") - 2 == 86
