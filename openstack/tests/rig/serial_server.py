"""Neutron's API in one process, one request at a time, so that SQLite is enough.

Arguments: the port to listen on, the URL of the database, then those of Neutron. The schema is made from the models,
since the migrations do not run on SQLite.
"""

import sys
from wsgiref import simple_server

import sqlalchemy

port, url = sys.argv[1:3]
sys.argv[:] = ["neutron-api", *sys.argv[3:]]


class QuietHandler(simple_server.WSGIRequestHandler):
    """Logs no requests: Neutron does."""

    def log_message(self, *words):
        """Says nothing."""


def make_schema():
    """Makes the tables."""
    from neutron.db.migration.models import head

    engine = sqlalchemy.create_engine(url)
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA journal_mode=WAL")
    head.get_metadata().create_all(engine)


def serve():
    """Serves until it is killed."""
    from neutron.cmd.eventlet.server import main_api_eventlet

    make_schema()
    application = main_api_eventlet()
    simple_server.make_server("127.0.0.1", int(port), application, handler_class=QuietHandler).serve_forever()


serve()
