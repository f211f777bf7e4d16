"""Many calls at once."""

import concurrent.futures

CLIENTS = 20


def in_parallel(act, things):
    """The results in the order of the things."""
    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        return list(pool.map(act, things))
