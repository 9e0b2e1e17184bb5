"""Every link of the documentation leads somewhere, and every page can be found from the README."""

from pathlib import Path

import pytest

from tests.unit.documentation.links import Tree
from tests.unit.documentation.page import read, slug

ROOT = Path(__file__).parents[3]
TREE = Tree(ROOT)
README = ROOT / "README.md"
DOCS = TREE.pages("docs/**/*.md")
# those that lie beside what they are about, and are linked
PAGES = sorted({README, *DOCS} | TREE.reachable(README))


def test_there_are_pages() -> None:
    assert {README, ROOT / "docs/architecture.md", ROOT / "docs/decisions/0002-lock-file.md"} <= set(PAGES)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file_and_to_a_heading_of_it(page: Path) -> None:
    assert list(TREE.problems(page)) == []


def test_every_page_can_be_found_from_the_readme() -> None:
    lost = set(DOCS) - TREE.reachable(README)
    assert sorted(str(page.relative_to(ROOT)) for page in lost) == []


# --- the checker itself, which finds nothing in pages that are right


@pytest.mark.parametrize(
    ("heading", "expected"),
    [
        ("The wire", "the-wire"),
        ("What it does when something is wrong", "what-it-does-when-something-is-wrong"),
        ("Keys of `hub.config.IAMAuthenticator`", "keys-of-hubconfigiamauthenticator"),
        ("Try it (quickly): `make demo`!", "try-it-quickly-make-demo"),
        ("A / B", "a--b"),
        ("snake_case and-hyphens", "snake_case-and-hyphens"),
        ("Größe", "größe"),
    ],
)
def test_headings_have_the_anchors_that_github_gives_them(heading: str, expected: str) -> None:
    assert slug(heading.replace("`", "")) == expected
    assert read(f"## {heading}\n").anchors == {expected}


def test_headings_of_the_same_text_are_numbered_and_markup_does_not_count() -> None:
    page = read("# One\n\n## One\n\nOne\n---\n\n### [*Two* three](x.md)\n\n```\n# none\n```\n")
    assert page.anchors == {"one", "one-1", "one-2", "two-three"}


def test_links_are_found_wherever_they_stand_and_not_in_code() -> None:
    text = (
        "# [a](1.md)\n\ntext [b](2.md 'title')\nand [c][ref], ![d](3.png)\n\n| [e](4.md) | x |\n|---|---|\n| y | [f](5.md) |\n\n"
        "- [![g](6.png)](7.md)\n\n`[code](8.md)`\n\n```\n[code](9.md)\n```\n\n[ref]: 10.md\n"
    )
    found = {link.target: link.line for link in read(text).links}
    assert found == {
        "1.md": 1,
        "2.md": 3,
        "10.md": 3,
        "3.png": 3,
        "4.md": 6,
        "5.md": 8,
        "6.png": 10,
        "7.md": 10,
    }


@pytest.mark.parametrize(
    ("link", "words"),
    [
        ("other.md", ""),
        ("other.md#a-heading", ""),
        ("#here", ""),
        ("folder/", ""),
        ("a%20name.txt", ""),
        ("https://example.org/nowhere.md#x", ""),
        ("mailto:mario@example.org", ""),
        ("missing.md", "there is no such file"),
        ("Other.md", "there is no such file"),
        ("folder/missing.png", "there is no such file"),
        ("other.md#another-heading", 'no heading "#another-heading" in docs/other.md'),
        ("#there", 'no heading "#there" in docs/page.md'),
        ("a%20name.txt#L3", "no heading"),
        ("/docs/other.md", "begins with a slash"),
        ("../../outside.md", "leads out of the repository"),
    ],
)
def test_a_link_that_leads_nowhere_is_told_with_its_line(tmp_path: Path, link: str, words: str) -> None:
    docs = tmp_path / "root/docs"
    (docs / "folder").mkdir(parents=True)
    (tmp_path / "outside.md").write_text("# x\n")
    (docs / "other.md").write_text("# A heading\n")
    (docs / "a name.txt").write_text("")
    (docs / "page.md").write_text(f"# Here\n\nsee [this]({link})\n")
    problems = list(Tree(tmp_path / "root").problems(docs / "page.md"))
    assert len(problems) == bool(words)
    if words:
        assert problems[0].startswith(f"docs/page.md:3: {link}: ")
        assert words in problems[0]


def test_raw_html_is_told_unless_it_is_a_comment(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text(
        '<!-- made by x -->\n\n# x\n\n<img src="missing.png">\n\nand <a href="missing.md">so</a> on\n'
    )
    assert len(list(Tree(tmp_path).problems(tmp_path / "page.md"))) == 2


def test_pages_are_found_over_other_pages_and_folders_and_in_circles(tmp_path: Path) -> None:
    (tmp_path / "docs/folder").mkdir(parents=True)
    (tmp_path / "README.md").write_text("[a](docs/a.md) [gone](docs/gone.md) [out](https://example.org/b.md)\n")
    (tmp_path / "docs/a.md").write_text("[back](../README.md) [folder](folder/)\n")
    (tmp_path / "docs/folder/b.md").write_text("# b\n")
    (tmp_path / "docs/lost.md").write_text("[a](a.md)\n")
    tree = Tree(tmp_path)
    found = {path.name for path in tree.reachable(tmp_path / "README.md")}
    assert found == {"README.md", "a.md", "b.md"}
