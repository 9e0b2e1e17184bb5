"""A net under the hub's log: what looks like a secret doesn't get into it, by whichever way."""

import asyncio
import contextlib
import io
import logging
from collections.abc import Iterable, Iterator

import pytest
from aiohttp import web
from hub_config.redaction import RedactedRecord, install, redacted
from jupyterhub.log import CoroutineLogFormatter
from kubernetes_asyncio.client import V1Container, V1EnvVar
from tornado.log import LogFormatter

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln-bmF0dXJl_"
TOKEN = "0123456789abcdef0123456789abcdef"


def refused_pod() -> str:
    """What KubeSpawner prints of a pod that Kubernetes doesn't take."""
    env = [V1EnvVar(name="JUPYTERHUB_API_TOKEN", value=TOKEN), V1EnvVar(name="HOME", value="/home/jovyan")]
    return str(V1Container(name="notebook", env=env).to_str())


@pytest.mark.parametrize(
    "text",
    [
        f"token: {JWT}",
        f"Bearer {JWT},",
        refused_pod(),
        f"'JUPYTERHUB_API_TOKEN': '{TOKEN}'",
        f"JPY_API_TOKEN={TOKEN}",
        "{'refresh_token': 'abcdefgh-ijkl.mnop', 'expires_in': 3600}",
        '{"client_secret": "abcdefgh-ijkl.mnop"}',
        "403 GET /hub/oauth_callback?code=abcdefgh-ijkl.mnop&state=abcdefgh-ijkl.mnop (127.0.0.1)",
        f"<CIMultiDictProxy('Host': 'hub', 'Authorization': 'Bearer {TOKEN}')>",
        f"authorization: token {TOKEN}",
        "Authorization: Basic abcdefgh-ijkl.mnop",
    ],
)
def test_secrets_are_cut_out(text: str) -> None:
    clean = redacted(text)
    assert "[redacted]" in clean
    for secret in (JWT, TOKEN, "abcdefgh-ijkl.mnop"):
        assert secret not in clean


@pytest.mark.parametrize(
    "text",
    ["User logged in: mario", "200 GET /hub/api/users/mario", "sha256:0123456789abcdef", "Authorization: basic", ""],
)
def test_the_rest_stays(text: str) -> None:
    assert redacted(text) == text


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "beginning", ["eyJ", "://a:", "?code=", "JPY_API_TOKEN ", "access_token=", "Authorization:bearer  ", " "]
)
def test_nobody_stalls_the_hub_by_an_address_of_beginnings(beginning: str) -> None:
    """A pattern that begins again at each of them takes a megabyte hours, and this runs wherever something is logged."""
    assert redacted(f"404 GET /hub/{beginning * 2**18}").startswith("404 GET /hub/")


# more libraries than are listed here: the last of a test is one that nobody has made yet
LOGGERS = (
    *("JupyterHub", "asyncio", "aiohttp.server"),
    *("tornado", "tornado.application", "tornado.general", "tornado.curl_httpclient"),
)


@pytest.fixture(params=[logging.Formatter, LogFormatter, CoroutineLogFormatter])
def written(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    """All that the process logs, as Python's, tornado's and JupyterHub's formatters write it; the net is there."""
    made, root, text = logging.getLogRecordFactory(), logging.getLogger(), io.StringIO()
    handler = logging.StreamHandler(text)
    handler.setFormatter(request.param())
    root.addHandler(handler)
    install()
    with as_python_made_them(LOGGERS):
        yield text
    root.removeHandler(handler)
    logging.setLogRecordFactory(made)


@contextlib.contextmanager
def as_python_made_them(names: Iterable[str]) -> Iterator[None]:
    """Dask and its gateway, which other tests of this process import, silence tornado's loggers and put others below their own."""
    loggers = [logging.getLogger(name) for name in names]
    before = [(logger.level, logger.propagate, logger.parent) for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.NOTSET)
        logger.propagate = True
        logger.parent = logging.getLogger(logger.name.rpartition(".")[0])
    yield
    for logger, (level, propagate, parent) in zip(loggers, before, strict=True):
        logger.setLevel(level)
        logger.propagate, logger.parent = propagate, parent


@pytest.mark.parametrize("name", [*LOGGERS, "kubernetes_asyncio.client.rest", "of.a.library"])
def test_every_logger_is_above_the_net(name: str, written: io.StringIO) -> None:
    logging.getLogger(name).error("%s came: %d", JWT, 1)
    assert "[redacted] came: 1" in written.getvalue()
    assert JWT not in written.getvalue()


def failed(text: str) -> BaseException:
    """Raised and caught, with a traceback."""
    try:
        raise ValueError(text)  # noqa: TRY301 # to have one
    except ValueError as error:
        return error


def test_the_text_of_an_exception_its_cause_and_its_notes_is_cut(written: io.StringIO) -> None:
    error = failed(f"JUPYTERHUB_API_TOKEN={TOKEN}")
    error.__cause__ = failed(f"refused: {JWT}")
    error.add_note(f"Authorization: Bearer {TOKEN}")
    logging.getLogger("tornado.application").error("Uncaught exception", exc_info=error)
    text = written.getvalue()
    for words in ("Uncaught exception", "ValueError: JUPYTERHUB_API_TOKEN=[redacted]", "in failed"):
        assert words in text, "what is wrong, and where, stays"
    assert not [secret for secret in (JWT, TOKEN) if secret in text]


def test_an_exception_without_secrets_is_as_it_was(written: io.StringIO) -> None:
    error = failed("plain")
    logging.getLogger("JupyterHub").error("It failed", exc_info=error)
    assert "ValueError: plain" in written.getvalue()
    record = RedactedRecord("x", logging.ERROR, "file", 1, "m", (), (type(error), error, error.__traceback__))
    assert record.exc_info is not None and record.exc_info[1] is error, "handlers may want it"


def test_an_exception_as_a_message_or_its_argument_is_cut(written: io.StringIO) -> None:
    logging.getLogger("JupyterHub").error(ValueError(JWT))
    logging.getLogger("JupyterHub").error("because: %s", ValueError(JWT))
    assert written.getvalue().count("[redacted]") == 2
    assert JWT not in written.getvalue()


def test_a_stack_is_cut() -> None:
    record = RedactedRecord("x", logging.ERROR, "file", 1, "m", (), None, None, f"Stack:\n  run('{JWT}')")
    assert logging.Formatter().format(record) == "m\nStack:\n  run('[redacted]')"


class Untold:
    def __str__(self) -> str:
        raise RuntimeError(JWT)


@pytest.mark.parametrize(
    ("message", "arguments"), [("this is %s", ("one", JWT)), ("this is %s", (Untold(),)), (Untold(), ())]
)
def test_a_call_with_wrong_arguments_ends_nothing_and_shows_none(
    written: io.StringIO, capsys: pytest.CaptureFixture[str], message: object, arguments: tuple[object, ...]
) -> None:
    logging.getLogger("JupyterHub").error(message, *arguments)
    assert "(a message whose arguments don't fit)" in written.getvalue()
    assert JWT not in written.getvalue() + capsys.readouterr().err


async def test_what_nobody_caught_in_a_task_is_cut(written: io.StringIO) -> None:
    """asyncio's logger: the message holds the task with its exception, the traceback the exception again."""

    async def lost() -> None:
        raise ValueError(f"refresh_token={TOKEN}")

    task = asyncio.ensure_future(lost())
    await asyncio.wait([task])
    del task  # asyncio tells of it when it is forgotten
    text = written.getvalue()
    assert "Task exception was never retrieved" in text
    assert text.count("refresh_token=[redacted]") >= 2
    assert TOKEN not in text


async def test_what_a_handler_of_aiohttp_raises_is_cut(written: io.StringIO) -> None:
    async def broken(_request: web.Request) -> web.Response:
        raise ValueError(f"access_token: {TOKEN}")

    from aiohttp.test_utils import TestClient, TestServer

    app = web.Application()
    app.router.add_get("/", broken)
    async with TestClient(TestServer(app)) as client:
        assert (await client.get("/")).status == 500
    assert "ValueError: access_token: [redacted]" in written.getvalue()
    assert TOKEN not in written.getvalue()
