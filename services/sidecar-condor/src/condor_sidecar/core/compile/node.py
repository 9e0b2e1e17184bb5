"""A pod's JSON with its paths: every complaint names its field, and all complaints are collected."""

from collections.abc import Iterator
from typing import Any, Self


class Node:
    """A value in the pod, where it stands, and the list that complaints go to.

    Reading a value of the wrong type is a complaint, and gives the default: the caller goes on and finds what else is wrong.
    A missing value and null are the same, as for the API server.
    """

    def __init__(self, value: Any, path: str, complaints: list[str]) -> None:
        self.value = value
        self.path = path
        self._complaints = complaints

    def reject(self, sentence: str) -> None:
        """Complain: a sentence without its full stop, to which the path is added."""
        self._complaints.append(f"{sentence} ({self.path})")

    def __getitem__(self, name: str) -> Self:
        """The field `name` of an object."""
        path = f"{self.path}.{name}" if self.path else name
        value = self.value.get(name) if isinstance(self.value, dict) else None
        return type(self)(value, path, self._complaints)

    @property
    def given(self) -> bool:
        """Whether there is anything: not null, not empty."""
        return self.value not in (None, {}, [], "")

    def elements(self) -> list[Self]:
        """The elements of a list."""
        if self.value is None:
            return []
        if not isinstance(self.value, list):
            self._wrong("a list")
            return []
        return [type(self)(value, f"{self.path}[{i}]", self._complaints) for i, value in enumerate(self.value)]

    def fields(self) -> Iterator[tuple[str, Self]]:
        """The fields of an object, in its order."""
        if self.value is not None and not isinstance(self.value, dict):
            self._wrong("an object")
        elif self.value:
            for name in self.value:
                yield name, self[name]

    def entries(self) -> Iterator[tuple[str, Self]]:
        """The entries of a map whose keys are data; their paths are written with brackets."""
        for name, field in self.fields():
            field.path = f'{self.path}["{name}"]'
            yield name, field

    def text(self, default: str = "") -> str:
        """A string that can reach a process: UTF-8, no NUL."""
        if self.value is None:
            return default
        if not isinstance(self.value, str):
            self._wrong("a string")
            return default
        if "\0" in self.value:
            self.reject("a NUL character can't be passed to a program: remove it")
            return default
        try:
            self.value.encode("utf-8")
        except UnicodeEncodeError:
            self.reject("the text is not valid Unicode: correct it")
            return default
        return self.value

    def texts(self) -> list[str]:
        """A list of strings."""
        return [element.text() for element in self.elements()]

    def number(self) -> int | None:
        """An integer."""
        if self.value is None:
            return None
        if not isinstance(self.value, int) or isinstance(self.value, bool):
            self._wrong("an integer")
            return None
        return self.value

    def flag(self, default: bool = False) -> bool:
        """A boolean."""
        if self.value is None:
            return default
        if not isinstance(self.value, bool):
            self._wrong("true or false")
            return default
        return self.value

    def _wrong(self, expected: str) -> None:
        self.reject(f"{self.path.rpartition('.')[2]} must be {expected}, not {type(self.value).__name__}")
