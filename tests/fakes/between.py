"""Something at the API server's address that answers what a test says, also what no API server would."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from aiohttp import web
from yarl import URL

from tests.fakes.served import served

Answers = Callable[[web.Request], web.Response | None]
"""None: no answer ever."""


@dataclass
class Between:
    answer: Answers
    url: str = ""
    asked: list[URL] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append(request.url)
        answer = self.answer(request)
        if answer is None:
            await asyncio.Event().wait()
        assert answer is not None
        return answer


def in_turn(*answers: web.Response) -> Answers:
    """One answer after the other, and then none."""
    left = iter(answers)
    return lambda _request: next(left, None)


@contextlib.asynccontextmanager
async def between(answer: Answers) -> AsyncIterator[Between]:
    made, app = Between(answer), web.Application()
    app.router.add_route("*", "/{path:.*}", made.handle)
    async with served(app, cancels=True) as made.url:
        yield made
