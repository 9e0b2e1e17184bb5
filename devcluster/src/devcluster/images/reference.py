"""What an image is called, and where its two forms lie in the cache."""

from dataclasses import dataclass
from pathlib import Path

from devcluster.addresses import DOMAIN

REPOSITORY = "localhost/highrate"  # no registry answers there: a missing image fails at once
UNPACKED = f"/cvmfs/unpacked.{DOMAIN}"


@dataclass(frozen=True)
class Image:
    """One image; its tag is a hash of everything that went into it."""

    name: str
    tag: str
    cache: Path

    @property
    def repository(self) -> str:
        return f"{REPOSITORY}/{self.name}"

    @property
    def reference(self) -> str:
        return f"{self.repository}:{self.tag}"

    @property
    def archive(self) -> Path:
        """A docker-archive, as `ctr images import`, `kind load image-archive` and `docker load` take it."""
        return self.cache / "images" / f"{self.name}-{self.tag}.tar"

    @property
    def tree(self) -> Path:
        """The image as a directory, with what Apptainer adds to one (see unpacked.py)."""
        return self.cache / "images" / f"{self.name}-{self.tag}"

    @property
    def unpacked(self) -> str:
        """Where the site shows the tree."""
        return f"{UNPACKED}/{self.name}:{self.tag}"
