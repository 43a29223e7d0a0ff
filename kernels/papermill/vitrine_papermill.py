"""Lets papermill write parameter cells in TypeScript; importing this module is enough (papermill does, at its start)."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from papermill.engines import NBClientEngine
from papermill.models import Parameter
from papermill.translators import Translator, papermill_translators


class TypeScriptTranslator(Translator):
    """Python values -> `const name = value;`, which redeclares the defaults of the cell tagged `parameters`."""

    # One declaration on one line: name, type, value, and what a comment behind it says.
    DECLARATION = re.compile(
        r"^\s*(?:export\s+)?(?:const|let|var)\s+(?P<name>[\w$]+)\s*(?::\s*(?P<type>.+?))?\s*=(?![=>])\s*"
        r"(?P<value>.+?)\s*;?\s*(?://\s*(?P<help>.*))?$"
    )

    @classmethod
    def translate_none(cls, val: None) -> str:
        return "null"

    @classmethod
    def translate_bool(cls, val: bool) -> str:
        return "true" if val else "false"

    @classmethod
    def translate_float(cls, val: float) -> str:
        if math.isnan(val):
            return "Number.NaN"
        if math.isinf(val):
            return "Number.POSITIVE_INFINITY" if val > 0 else "Number.NEGATIVE_INFINITY"
        return repr(val)

    @classmethod
    def translate_escaped_str(cls, str_val: Any) -> str:
        return json.dumps(str(str_val))

    @classmethod
    def translate_dict(cls, val: dict[Any, Any]) -> str:
        # A quoted "__proto__" would set the prototype; a computed key is a key like any other.
        items = [f"[{json.dumps(str(k))}]: {cls.translate(v)}" if k == "__proto__" else
                 f"{json.dumps(str(k))}: {cls.translate(v)}" for k, v in val.items()]
        return "{ " + ", ".join(items) + " }" if items else "{}"

    @classmethod
    def translate_list(cls, val: list[Any]) -> str:
        return "[" + ", ".join(cls.translate(item) for item in val) + "]"

    @classmethod
    def comment(cls, cmt_str: str) -> str:
        return f"// {cmt_str}".strip()

    @classmethod
    def assign(cls, name: str, str_val: str) -> str:
        return f"const {name} = {str_val};"

    @classmethod
    def inspect(cls, parameters_cell: Any) -> list[Parameter]:
        """The parameters that the cell declares, for `papermill --help-notebook`; a line it cannot read is no parameter."""
        parameters = []
        for line in parameters_cell["source"].splitlines():
            match = cls.DECLARATION.match(line)
            if match:
                found = match.groupdict()
                parameters.append(
                    Parameter(
                        name=found["name"],
                        inferred_type_name=found["type"] or "None",
                        default=found["value"],
                        help=(found["help"] or "").strip(),
                    )
                )
        return parameters


class VitrineEngine(NBClientEngine):
    """papermill's own engine; its entry point is what brings this module into the process."""


papermill_translators.register("typescript", TypeScriptTranslator)
