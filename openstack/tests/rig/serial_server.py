"""Neutron's API in one process, one request at a time, so that SQLite is enough.

Arguments: the port to listen on, the URL of the database, then those of Neutron. The schema is made from the models,
since the migrations do not run on SQLite.
"""

import sys

import eventlet
import eventlet.wsgi
import sqlalchemy
from neutron.cmd.eventlet.server import main_api_eventlet


def make_schema(url):
    """Makes the tables."""
    from neutron.db.migration.models import head

    engine = sqlalchemy.create_engine(url)
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA journal_mode=WAL")
    head.get_metadata().create_all(engine)


def serve(port, url, *arguments):
    """Serves until it is killed."""
    sys.argv[:] = ["neutron-api", *arguments]
    make_schema(url)
    application = main_api_eventlet()
    one_at_a_time = eventlet.GreenPool(1)
    listener = eventlet.listen(("127.0.0.1", int(port)))
    eventlet.wsgi.server(listener, application, custom_pool=one_at_a_time, keepalive=False, log_output=False)


serve(*sys.argv[1:])
