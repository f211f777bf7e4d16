from rig.processes import until

from networking_romana.later import Later


def test_what_fails_is_tried_until_it_does_not():
    outcomes = [ValueError("no"), ValueError("no"), None]
    done = []

    def act():
        outcome = outcomes.pop(0)
        if outcome is not None:
            raise outcome
        done.append(True)

    later = Later(pause=0.01)
    later.try_now("do it", act)
    assert not done
    until(lambda: done, "the third attempt")
    until(lambda: not later._waiting, "nothing is left to do")


def test_what_works_at_once_is_done_once():
    done = []
    later = Later(pause=0.01)
    later.try_now("do it", lambda: done.append(True))
    assert (done, later._waiting) == ([True], {})
