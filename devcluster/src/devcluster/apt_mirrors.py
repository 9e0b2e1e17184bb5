"""Where packages of Debian come from: the mirrors that this host's own apt uses.

No mirror is written down here. A machine behind a local mirror keeps using it; a host that isn't Debian (or names no mirror)
leaves the choice to mmdebstrap's built-in default.
"""

import shutil
from dataclasses import dataclass

from devcluster.commands import run

SUITE = "trixie"
_FIELDS = "$(REPO_URI) $(ORIGIN) $(COMPONENT) $(CODENAME) $(SUITE)"


@dataclass(frozen=True)
class Mirrors:
    """Base addresses of the archive and of its security updates; empty means unknown."""

    archive: str = ""
    security: str = ""


def parse_index_targets(text: str) -> Mirrors:
    """Read ``apt-get indextargets`` lines of _FIELDS. Only Debian's own archive counts, whatever its release is called."""
    archive = security = ""
    for line in text.splitlines():
        words = line.split()
        if len(words) < 4 or words[1] != "Debian":
            continue
        address, codename = words[0].rstrip("/"), words[3]
        if codename.endswith("-security"):
            security = security or address
        elif "-" not in codename:
            archive = archive or address
    return Mirrors(archive, security)


def host_mirrors() -> Mirrors:
    if not shutil.which("apt-get"):
        return Mirrors()
    done = run(["apt-get", "indextargets", "--format", _FIELDS], check=False)
    return parse_index_targets(done.stdout if done.returncode == 0 else "")


def sources(mirrors: Mirrors) -> str:
    """The lines of a sources.list for SUITE; empty if mmdebstrap shall choose."""
    if not mirrors.archive:
        return ""
    lines = [f"deb {mirrors.archive} {SUITE} main"]
    if mirrors.security:
        lines.append(f"deb {mirrors.security} {SUITE}-security main")
    return "\n".join(lines) + "\n"


def sid_hook() -> str:
    """A setup hook of mmdebstrap ($1: the tree): sid from whatever mirror the suite comes from, for packages only it has."""
    return f"""\
#!/bin/sh
set -e
cd "$1/etc/apt"
mkdir -p sources.list.d preferences.d
for list in sources.list sources.list.d/*.list; do
    [ ! -f "$list" ] || sed -nE 's/^(deb .*) {SUITE} (.*)$/\\1 sid \\2/p' "$list" > sources.list.d/sid.new
    [ ! -s sources.list.d/sid.new ] || mv sources.list.d/sid.new sources.list.d/sid.list
    rm -f sources.list.d/sid.new
done
for list in sources.list.d/*.sources; do
    if [ -f "$list" ] && grep -qE '^Suites:.* {SUITE}( |$)' "$list"; then
        sed -E 's/^Suites:.*/Suites: sid/' "$list" > sid.new && mv sid.new sources.list.d/sid.sources
    fi
done
printf 'Package: *\\nPin: release n=sid\\nPin-Priority: 50\\n' > preferences.d/sid
"""
