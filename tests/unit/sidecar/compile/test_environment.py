"""Environment, command, args and working directory reach the supervisor byte for byte."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.sidecar.compile.pods import compiled, container, first, pod, reasons

HOSTILE = [
    "", " ", "a b", "'", '"', "\"'\"'", "\n", "a\nb\r\n\tc", "$(id)", "`id`", "$HOME", "${X}", "\\", "\\n", "\\u000A",
    "-x", "--", "é漢🙂",
    "\x01\x1f\x7f", "a;b|c&d>e<f", "*?[]{}~!#%", "$$", "%s%n", "\ufeff\u202e", "x" * 100_000,
]  # fmt: skip
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@pytest.mark.parametrize("text", HOSTILE)
def test_a_value_arrives_as_it_was_written(text: str) -> None:
    main = first(compiled(pod(container(env=[{"name": "V", "value": text}], workingDir="/" + text.strip("/")))))
    assert main.env == [("V", text)]
    assert main.work_dir == "/" + text.strip("/") if text else main.work_dir == "/"


@given(st.lists(TEXT), st.lists(TEXT))
def test_command_and_args_without_references_arrive_as_they_were_written(command: list[str], args: list[str]) -> None:
    main = first(
        compiled(
            pod(
                container(
                    command=[text.replace("$", "€") for text in command], args=[text.replace("$", "€") for text in args]
                )
            )
        )
    )
    assert main.command == [text.replace("$", "€") for text in command]
    assert main.args == [text.replace("$", "€") for text in args]


@given(st.lists(st.tuples(TEXT.filter(lambda name: name and "=" not in name), TEXT), unique_by=lambda pair: pair[0]))
def test_any_environment_arrives_in_the_pod_s_order(pairs: list[tuple[str, str]]) -> None:
    main = first(compiled(pod(container(env=[{"name": name, "value": value} for name, value in pairs]))))
    assert main.env == pairs


def test_command_and_args_are_expanded_with_the_container_s_own_variables() -> None:
    env = [{"name": "A", "value": "1"}, {"name": "B", "value": "$(A)"}, {"name": "A", "value": "2"}]
    main = first(compiled(pod(container(command=["$(A)", "$$(A)"], args=["$(B)", "$(C)"], env=env))))
    assert (main.command, main.args) == (["2", "$(A)"], ["$(A)", "$(C)"])
    assert dict(main.env) == {"A": "2", "B": "$(A)"}, "values are final"


def test_a_variable_without_a_value_is_empty() -> None:
    assert first(compiled(pod(container(env=[{"name": "A"}, {"name": "B", "value": None}])))).env == [
        ("A", ""),
        ("B", ""),
    ]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        (
            {"env": [{"name": "S", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]},
            'env "S" has no value yet: it must be resolved before the pod reaches this endpoint (containers[0].env[0].valueFrom)',
        ),
        (
            {"envFrom": [{"configMapRef": {"name": "c"}}]},
            "its variables must be resolved before the pod reaches this endpoint: list them in env (containers[0].envFrom)",
        ),
        (
            {"env": [{"name": "A=B", "value": ""}]},
            '"A=B" can\'t be the name of a variable: use one that is not empty and holds no "=" (containers[0].env[0].name)',
        ),
        (
            {"env": [{"name": "A", "value": "x\0y"}]},
            "a NUL character can't be passed to a program: remove it (containers[0].env[0].value)",
        ),
        ({"args": ["\ud800"]}, "the text is not valid Unicode: correct it (containers[0].args[0])"),
        ({"args": "ls -l"}, "args must be a list, not str (containers[0].args)"),
        ({"args": [7]}, "args[0] must be a string, not int (containers[0].args[0])"),
    ],
)
def test_what_no_process_can_get_is_rejected_by_name(fields: dict[str, Any], reason: str) -> None:
    assert reasons(pod(container(**fields))) == (reason,)
