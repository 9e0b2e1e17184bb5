"""What dask-gateway's database needs where it is PostgreSQL: the driver, deadlines, and types that it has.

PostgreSQL knows no BINARY, and its INTEGER can't hold milliseconds since 1970.
"""

import re

import sqlalchemy as sa
from dask_gateway_server.backends import db_base

POSTGRESQL = "postgresql"
_DEADLINES = {"connect_timeout": "5", "tcp_user_timeout": "10000", "keepalives_idle": "30"}
"""Seconds, milliseconds, seconds: dask-gateway waits for its database in its loop."""


def complete(address: str) -> str:
    """The address as SQLAlchemy needs it: one of PostgreSQL with the driver that is there, and with deadlines.

    Raises ValueError with a sentence, which doesn't repeat the address: there may be a password in it.
    """
    try:
        found = sa.make_url(re.sub(r"\Apostgres://", f"{POSTGRESQL}://", address))
    except (sa.exc.ArgumentError, ValueError) as error:
        raise ValueError("is no address of a database, as in postgresql://user:password@host/name") from error
    if found.get_backend_name() != POSTGRESQL:
        return address
    found = found.set(drivername=f"{POSTGRESQL}+psycopg")
    missing = {name: value for name, value in _DEADLINES.items() if name not in found.query}
    return found.update_query_dict(missing).render_as_string(hide_password=False)


def fit_postgresql() -> None:
    """May be called again. Other databases have what they had."""
    token = db_base.clusters.c.token
    token.type = sa.BINARY(140).with_variant(sa.LargeBinary(), POSTGRESQL)
    for table in (db_base.clusters, db_base.workers):
        for column in (table.c.start_time, table.c.stop_time):
            column.type = sa.Integer().with_variant(sa.BigInteger(), POSTGRESQL)
