"""A cluster's workers as a person reads them: state, why a worker waits or failed, where it is."""

import html
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_WIDTH = 60
_ORDER = ("running", "starting", "waiting", "closing", "failed", "ended")


@dataclass(frozen=True)
class WorkerRow:
    """One worker."""

    name: str
    state: str
    """waiting, starting, running, closing, ended or failed."""
    site: str
    node: str
    reason: str
    """A word, as Kubernetes or the site has it."""
    message: str
    """A sentence: what it waits for, or why it failed."""
    exit_code: int | None
    asked: float | None
    """When it was asked for, in seconds since 1970."""
    ended: float | None

    @property
    def why(self) -> str:
        code = f"exit code {self.exit_code}" if self.exit_code else ""
        return ": ".join(part for part in (self.reason, " ".join(self.message.split()) or code) if part)


@dataclass(frozen=True, repr=False)
class WorkerTable:
    """All workers of a cluster, those at work first. A notebook shows it as a table."""

    cluster: str
    rows: Sequence[WorkerRow]
    notes: Sequence[str] = ()
    """What concerns the whole cluster."""
    left_off: int = 0
    """Workers that ended and are not shown."""
    now: float = 0.0

    def __iter__(self) -> Iterator[WorkerRow]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, name: str) -> WorkerRow:
        """By its name, or by the beginning of one if there is only one such. Raises KeyError with a sentence."""
        found = [row for row in self.rows if row.name == name] or [r for r in self.rows if r.name.startswith(name)]
        if len(found) != 1:
            raise KeyError(f"{len(found)} workers of {self.cluster} have a name that begins with {name!r}")
        return found[0]

    @property
    def summary(self) -> str:
        states = Counter(row.state for row in self.rows)
        parts = [f"{states[state]} {state}" for state in _ORDER if states[state]]
        return f"{self.cluster}: {', '.join(parts) or 'no workers'}"

    def __repr__(self) -> str:
        lines = [self.summary, *self.notes]
        if self.rows:
            cells = [("WORKER", "STATE", "SINCE", "WHERE", "WHY"), *map(self._cells, self.rows)]
            widths = [max(len(row[column]) for row in cells) for column in range(4)]
            for row in cells:
                start = "  ".join(text.ljust(width) for text, width in zip(row[:4], widths, strict=True))
                lines.append(f"{start}  {_cut(row[4])}".rstrip())
        if self.left_off:
            lines.append(f"and {self.left_off} more that have ended")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        heads = "".join(
            f"<th style='text-align:left'>{name}</th>" for name in ("worker", "state", "since", "where", "why")
        )
        body = "".join(
            "<tr>"
            + "".join(f"<td style='text-align:left'>{html.escape(cell)}</td>" for cell in self._cells(row))
            + "</tr>"
            for row in self.rows
        )
        above = "".join(f"<p>{html.escape(line)}</p>" for line in (self.summary, *self.notes))
        below = f"<p>and {self.left_off} more that have ended</p>" if self.left_off else ""
        return f"{above}<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>{below}"

    def _cells(self, row: WorkerRow) -> tuple[str, str, str, str, str]:
        since = "" if row.asked is None else _span((row.ended or self.now) - row.asked)
        where = f"{row.site}/{row.node}" if row.node else row.site
        return row.name, row.state, since, where, row.why


class WorkerLog(str):
    """The end of a log, which a notebook shows as it is, line by line."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def read(answer: Mapping[str, Any], now: float | None = None) -> WorkerTable:
    """Of what the gateway answers. Raises ValueError if it is no such answer."""
    try:
        about = answer["cluster"]
        rows = tuple(_row(item) for item in answer["workers"])
        notes = tuple(str(about[key]) for key in ("message", "limited") if about.get(key))
        name, left_off = str(about["name"]), int(answer.get("left_off") or 0)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"the gateway's answer about workers can't be read: {error!r}") from error
    ordered = sorted(rows, key=lambda row: (_ORDER.index(row.state) if row.state in _ORDER else len(_ORDER), row.name))
    return WorkerTable(name, ordered, notes, left_off, time.time() if now is None else now)


def _row(item: Mapping[str, Any]) -> WorkerRow:
    texts = {key: str(item.get(key) or "") for key in ("name", "state", "site", "node", "reason", "message")}
    code = item.get("exit_code")
    return WorkerRow(
        **texts,
        exit_code=code if isinstance(code, int) else None,
        asked=_seconds(item.get("asked")),
        ended=_seconds(item.get("ended")),
    )


def _seconds(milliseconds: object) -> float | None:
    return milliseconds / 1000 if isinstance(milliseconds, int | float) else None


def _span(seconds: float) -> str:
    seconds = max(0, int(seconds))
    if seconds < 120:
        return f"{seconds} s"
    if seconds < 7200:
        return f"{seconds // 60} min"
    return f"{seconds // 3600} h"


def _cut(text: str) -> str:
    return text if len(text) <= 2 * _WIDTH else f"{text[: 2 * _WIDTH - 3]}..."
