"""A Markdown page as far as links go: where it points to, and where in it others may point."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markdown_it import MarkdownIt
from markdown_it.token import Token

# tables and strikethrough are GitHub's; bare addresses, which are external, needn't become links here
_MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
_NO_LETTER_OF_A_SLUG = re.compile(r"[^\w\- ]")
_TARGETS = {"link_open": "href", "image": "src"}


@dataclass(frozen=True)
class Link:
    """`line` is that of the block it is in, from 1."""

    target: str
    line: int


@dataclass(frozen=True)
class Page:
    links: tuple[Link, ...]
    anchors: frozenset[str]
    """Of the headings, as GitHub makes them."""
    html: tuple[int, ...]
    """Lines of blocks with raw HTML other than comments: what links there are in it isn't known here."""


def read(text: str) -> Page:
    tokens = _MARKDOWN.parse(text)
    inline = list(_inline(tokens))
    return Page(
        tuple(
            Link(str(child.attrs[_TARGETS[child.type]]), line)
            for line, token in inline
            for child in _all(token.children or ())
            if child.type in _TARGETS
        ),
        frozenset(_anchors(tokens)),
        tuple(line for line, token in inline if any(map(_is_html, token.children or ())))
        + tuple(token.map[0] + 1 for token in tokens if token.map and _is_html(token)),
    )


def slug(heading: str) -> str:
    """Of the first heading with this text: lower case, blanks become hyphens, punctuation goes."""
    return _NO_LETTER_OF_A_SLUG.sub("", heading.lower()).replace(" ", "-")


def _anchors(tokens: Sequence[Token]) -> Iterator[str]:
    taken: Counter[str] = Counter()
    for opening, content in pairwise(tokens):
        if opening.type != "heading_open":
            continue
        name = slug(_text(content.children or ()))
        yield f"{name}-{taken[name]}" if taken[name] else name
        taken[name] += 1


def _text(tokens: Sequence[Token]) -> str:
    return "".join(" " if token.type == "softbreak" else token.content for token in tokens if token.type != "image")


def _inline(tokens: Sequence[Token]) -> Iterator[tuple[int, Token]]:
    """With the line of each; a table's cells have that of their row."""
    line = 1
    for token in tokens:
        if token.map:
            line = token.map[0] + 1
        if token.type == "inline":
            yield line, token


def _is_html(token: Token) -> bool:
    return token.type in ("html_block", "html_inline") and not token.content.startswith("<!--")


def _all(tokens: Sequence[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from _all(token.children or ())
