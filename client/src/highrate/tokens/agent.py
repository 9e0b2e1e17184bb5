"""Keeps the token file fresh as long as the session lasts.

A process of its own, which `highrate session` starts, restarts and ends. Its standard input is a pipe that the session holds:
when the session is gone, however it ended, the pipe is closed and the agent ends as well.
"""

import select
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime

from highrate.journal import say
from highrate.tokens import schedule, service, token_file
from highrate.tokens.answer import Answer, Granted, NotNow, Refused
from highrate.tokens.settings import Settings, SettingsError, from_environment


class Agent:
    """One file. ``step`` asks once and says how long to wait; it writes a line only where something has changed."""

    def __init__(
        self,
        settings: Settings,
        *,
        now: Callable[[], float] = time.time,
        ask: Callable[[Settings, str], Answer] = service.ask,
        say: Callable[..., None] = say,
    ) -> None:
        self._settings = settings
        self._now, self._ask, self._say = now, ask, say
        self._said: tuple[str, ...] = ()
        self._failures = 0
        note = token_file.read_note(settings.file)  # of an agent before this one
        self._held_until = note.expires_at if note else None

    def step(self) -> float:
        """Seconds until the next step."""
        answer = self._kept(self._ask(self._settings, self._settings.profile))
        decision = schedule.decide(answer, now=self._now(), held_until=self._held_until, failures=self._counted(answer))
        if decision.drop:
            self._drop()
        self._tell(answer)
        return decision.wait

    def _drop(self) -> None:
        try:
            token_file.remove(self._settings.file)
        except OSError as problem:  # it has expired, and is tried again at the next refusal
            self._say(f"The expired token can't be removed: {problem}", warning=True)
        else:
            self._held_until = None

    def _kept(self, answer: Answer) -> Answer:
        """What counts in the end: a token that can't be used or written is none."""
        if not isinstance(answer, Granted):
            return answer
        if answer.expires_at <= self._now():
            return NotNow("the token that came has expired already: does this machine's clock go right?")
        try:
            token_file.write(self._settings.file, answer)
        except OSError as problem:
            return NotNow(f"the token can't be written: {problem}")
        self._held_until = answer.expires_at
        return answer

    def _counted(self, answer: Answer) -> int:
        kind = type(answer).__name__
        self._failures = 0 if isinstance(answer, Granted) or self._said[:1] != (kind,) else self._failures + 1
        return self._failures

    def _tell(self, answer: Answer) -> None:
        file = self._settings.file
        if isinstance(answer, Granted):
            state: tuple[str, ...] = ("Granted", answer.profile)
            text = f'{file} holds a token of the profile "{answer.profile}" and is kept fresh'
        else:
            held, rest = self._held()
            state = (type(answer).__name__, answer.reason, held)
            refused = "No new token" if isinstance(answer, Refused) else "No new token for now"
            text = f"{refused}: {self._without_secrets(answer.reason)}; {rest}"
        if state != self._said:
            self._said = state
            self._say(text, warning=not isinstance(answer, Granted))

    def _held(self) -> tuple[str, str]:
        """What is in the file, in a word and for a person."""
        file, until = self._settings.file, self._held_until
        if until is None:
            return "none", f"there is none in {file}"
        if until <= self._now():
            return "expired", f"the one in {file} has expired"
        return "good", f"the one in {file} is good until {_clock(until)}"

    def _without_secrets(self, text: str) -> str:
        return text.replace(self._settings.hub_token, "...")


def run(settings: Settings, lifeline: int) -> None:
    """Until the other end of ``lifeline`` is closed."""
    token_file.sweep(settings.file)
    agent = Agent(settings)
    while True:
        wait = agent.step()
        if select.select([lifeline], [], [], wait)[0]:
            return


def main() -> int:
    try:
        settings = from_environment()
    except SettingsError as problem:
        say(str(problem), warning=True)
        return 1
    if settings is not None:
        run(settings, sys.stdin.fileno())
    return 0


def _clock(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%H:%M:%S} UTC"


if __name__ == "__main__":
    sys.exit(main())
