"""Files that nobody else may read, replaced as a whole: a reader sees one content or another, never a part."""

import os
import tempfile
from pathlib import Path


def replace(place: Path, content: bytes) -> None:
    """Mode 0600, by renaming. Raises OSError."""
    descriptor, draft = tempfile.mkstemp(dir=place.parent, prefix=f".{place.name}.")  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as sink:
            sink.write(content)
        Path(draft).replace(place)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
