"""What is wrong with a setting, in words for whoever wrote it: of TOML, not of the library that judged it."""

from collections.abc import Mapping
from typing import Any

TABLE = "should be a table of settings"
WORDS = {
    "extra_forbidden": "there is no such setting",
    "missing": "is missing",
    "tuple_type": 'should be a list, such as ["one", "another"]',
    "dict_type": TABLE,
    "model_type": TABLE,
    "model_attributes_type": TABLE,
    "int_type": "should be a whole number",
    "int_parsing": "should be a whole number",
    "int_parsing_size": "should be a smaller number",
    "int_from_float": "should be a whole number",
    "float_type": "should be a number",
    "float_parsing": "should be a number",
    "finite_number": "should be a finite number",
    "bool_type": "should be true or false",
    "bool_parsing": "should be true or false",
    "string_type": "should be a text",
    "path_type": "should be a path",
    "too_short": "should name at least {min_length}",
    "greater_than": "should be more than {gt}",
    "greater_than_equal": "should be {ge} or more",
    "less_than": "should be less than {lt}",
    "less_than_equal": "should be {le} or less",
    "literal_error": "should be {expected}",
    "enum": "should be {expected}",
}


def one_line(problem: Mapping[str, Any]) -> str:
    """Return one line for one of pydantic's errors; what our own validators say stays as it is."""
    where = ".".join(str(part) for part in problem["loc"]) or "settings"
    words = WORDS.get(problem["type"])
    if words is None:
        return f"{where}: {problem['msg'].removeprefix('Value error, ')}"
    return f"{where}: {words.format(**problem.get('ctx', {}))}"
