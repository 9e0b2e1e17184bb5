"""Which links of a tree of pages lead nowhere, and which pages no link leads to."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tests.unit.documentation.page import Link, Page, read


class Tree:
    """The pages of the repository at `root`."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        self._page = cache(lambda path: read(path.read_text(encoding="utf-8")))

    def pages(self, *patterns: str) -> list[Path]:
        return sorted(path for pattern in patterns for path in self._root.glob(pattern))

    def page(self, path: Path) -> Page:
        found: Page = self._page(path)
        return found

    def problems(self, path: Path) -> Iterator[str]:
        """Of the page at `path`, a sentence for each link that leads nowhere."""
        here = path.relative_to(self._root)
        page = self.page(path)
        for line in page.html:
            yield f"{here}:{line}: raw HTML, whose links nobody checks: write it in Markdown"
        for link in page.links:
            problem = self._problem(path, link)
            if problem:
                yield f"{here}:{link.line}: {link.target}: {problem}"

    def reachable(self, start: Path) -> set[Path]:
        """The pages that one gets to from `start`; a link to a folder leads to the pages in it, as GitHub lists them."""
        found, ahead = set[Path](), [start.resolve()]
        while ahead:
            path = ahead.pop()
            if path in found:
                continue
            found.add(path)
            targets = [self._target(path, link) for link in self.page(path).links if not _is_external(link)]
            pages = [page for target in targets for page in (target.glob("*.md") if target.is_dir() else [target])]
            ahead += [page for page in pages if page.suffix == ".md" and page.is_file()]
        return found

    def _problem(self, path: Path, link: Link) -> str:
        if _is_external(link):
            return ""
        parts = urlsplit(link.target)
        if parts.path.startswith("/"):
            return "begins with a slash, which means another place on each site: write it relative to the page"
        target = self._target(path, link)
        if not target.is_relative_to(self._root):
            return "leads out of the repository"
        if not target.exists():
            return "there is no such file"
        anchor = unquote(parts.fragment)
        if anchor and (target.suffix != ".md" or anchor not in self.page(target).anchors):
            return f'there is no heading "#{anchor}" in {target.relative_to(self._root)}'
        return ""

    def _target(self, path: Path, link: Link) -> Path:
        to = unquote(urlsplit(link.target).path)
        return (path.parent / to).resolve() if to else path


def _is_external(link: Link) -> bool:
    parts = urlsplit(link.target)
    return bool(parts.scheme or parts.netloc)
