import pytest
import sqlalchemy
from sqlalchemy import orm

from networking_romana.transactions import on_commit, on_rollback


@pytest.fixture
def session():
    with orm.Session(sqlalchemy.create_engine("sqlite://"), future=True) as it:
        yield it


@pytest.fixture
def told(session):
    """What happens at the end of transactions."""
    return []


def work(session, told, name="a"):
    session.execute(sqlalchemy.text("SELECT 1"))
    on_commit(session, lambda: told.append(f"{name} committed"))
    on_rollback(session, lambda: told.append(f"{name} undone"))


def test_a_commit(session, told):
    work(session, told)
    session.commit()
    assert told == ["a committed"]


def test_a_rollback_undoes_in_reverse_order(session, told):
    work(session, told)
    work(session, told, "b")
    session.rollback()
    assert told == ["b undone", "a undone"]


def test_a_session_that_is_closed_without_a_commit(session, told):
    work(session, told)
    session.close()
    assert told == ["a undone"]


def test_a_savepoint_that_is_released_is_no_commit(session, told):
    session.execute(sqlalchemy.text("SELECT 1"))
    with session.begin_nested():
        work(session, told)
    assert told == []
    session.rollback()
    assert told == ["a undone"]


def test_each_transaction_has_its_own(session, told):
    work(session, told)
    session.commit()
    work(session, told, "b")
    session.rollback()
    session.commit()
    assert told == ["a committed", "b undone"]


def test_what_fails_hides_nothing_else(session, told):
    work(session, told)
    on_rollback(session, lambda: 1 / 0)
    session.rollback()
    assert told == ["a undone"]
