"""All guests of a host in one process, in the host's namespace. Commands come as lines of JSON, and so do answers.

``boot``: tap and MAC address. ``halt``: tap. ``tell``: what each guest knows. ``ask``: flows of (tap, destination,
protocol, port, whether an answer is expected); the answer says for each whether it was answered.
"""

import itertools
import json
import os
import select
import time

from rig.guest import Guest

EVERY = 1.0
SENDS_AT_LEAST = 3


class GuestsOfHost:
    def __init__(self):
        self.guests = {}
        self.by_fd = {}
        self.tokens = itertools.count(1)
        self.asked = None
        self.until = 0.0
        self.sends = 0
        self.due = 0.0
        self.poll = select.poll()
        self.poll.register(0, select.POLLIN)
        self.lines = b""

    def run(self):
        """Until the commands end."""
        while True:
            wait = max(0.0, self.due - time.monotonic())
            for fd, _ in self.poll.poll(wait * 1000):
                if fd == 0:
                    if not self._read_commands():
                        return
                elif fd in self.by_fd:
                    self.by_fd[fd].read()
            if time.monotonic() >= self.due:
                self.due = time.monotonic() + EVERY
                self._repeat()

    def _read_commands(self):
        data = os.read(0, 1 << 20)
        *lines, self.lines = (self.lines + data).split(b"\n")
        for line in lines:
            self._obey(json.loads(line))
        return data != b""

    def _obey(self, command):
        verb = command["verb"]
        if verb == "ask":
            self.asked = [(next(self.tokens), *flow) for flow in command["flows"]]
            self.until = time.monotonic() + command["patience"]
            self.sends, self.due = 0, 0.0
            return
        if verb == "boot":
            guest = self.guests[command["tap"]] = Guest(command["tap"], command["mac"])
            self.by_fd[guest.fd] = guest
            self.poll.register(guest.fd, select.POLLIN)
            guest.settle()
        elif verb == "halt":
            guest = self.guests.pop(command["tap"])
            self.poll.unregister(guest.fd)
            del self.by_fd[guest.fd]
            guest.close()
        say({tap: guest.tell() for tap, guest in self.guests.items()} if verb == "tell" else None)

    def _repeat(self):
        for guest in self.guests.values():
            guest.settle()
        if self.asked is None:
            return
        answers = [token in self.guests[tap].answered for token, tap, *_ in self.asked]
        wanted = all(answer or not flow[-1] for answer, flow in zip(answers, self.asked))
        if self.sends >= SENDS_AT_LEAST and (wanted or time.monotonic() >= self.until):
            self.asked = None
            say(answers)
            return
        self.sends += 1
        for answer, (token, tap, to, protocol, port, _) in zip(answers, self.asked):
            if not answer:
                self.guests[tap].probe(token, to, protocol, port)


def say(answer):
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    GuestsOfHost().run()
