"""dask-gateway's tables with types that PostgreSQL has: it knows no BINARY, and its INTEGER can't hold milliseconds since 1970."""

import sqlalchemy as sa
from dask_gateway_server.backends import db_base

POSTGRESQL = "postgresql"
_DEADLINES = {"connect_timeout": "5", "tcp_user_timeout": "10000", "keepalives_idle": "30"}
"""Seconds, milliseconds, seconds: dask-gateway waits for its database in its loop."""


def postgresql(address: str) -> str:
    """The address as SQLAlchemy needs it: with the driver that is there, and deadlines where it has none."""
    found = sa.make_url(address.replace("postgres://", "postgresql://", 1)).set(drivername="postgresql+psycopg")
    missing = {name: value for name, value in _DEADLINES.items() if name not in found.query}
    return found.update_query_dict(missing).render_as_string(hide_password=False)


def fit_postgresql() -> None:
    """May be called again. Other databases have what they had."""
    token = db_base.clusters.c.token
    token.type = sa.BINARY(140).with_variant(sa.LargeBinary(), POSTGRESQL)
    for table in (db_base.clusters, db_base.workers):
        for column in (table.c.start_time, table.c.stop_time):
            column.type = sa.Integer().with_variant(sa.BigInteger(), POSTGRESQL)
