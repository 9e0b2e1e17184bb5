"""dask-gateway's tables with types that PostgreSQL has: it knows no BINARY, and its INTEGER can't hold milliseconds since 1970."""

import sqlalchemy as sa
from dask_gateway_server.backends import db_base

POSTGRESQL = "postgresql"


def fit_postgresql() -> None:
    """May be called again. Other databases have what they had."""
    token = db_base.clusters.c.token
    token.type = sa.BINARY(140).with_variant(sa.LargeBinary(), POSTGRESQL)
    for table in (db_base.clusters, db_base.workers):
        for column in (table.c.start_time, table.c.stop_time):
            column.type = sa.Integer().with_variant(sa.BigInteger(), POSTGRESQL)
