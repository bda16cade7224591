#!/usr/bin/env python3
"""What does the queue of Python's standard library do when its processes are killed at random?

A campaign like the one in this directory, against multiprocessing.Queue: processes put and get numbered messages that
tell whether they are whole; they are killed, stopped, continued and replaced at random; each writes down what it has
done in memory that outlives it; after each round the accounts are held against each other by the same rules. Run by
hand, for comparison:

    python3 tests/campaign/multiprocessing_queue.py --minutes 2

The rules are kinder in two points. put() returns when a message is in the sender's own memory, from where a thread writes
it to a pipe; so what is lost with a killed sender is counted apart. And a round counts as hung when it has not come to
its end 10 seconds after everybody was told to finish, all that were stopped having been continued; what such a round has
lost is not counted. The documentation of multiprocessing warns of both: a process that is killed while it uses a queue
may leave it corrupt, or its lock taken.
"""

import argparse
import collections
import hashlib
import mmap
import multiprocessing
import os
import queue
import random
import signal
import struct
import sys
import time

WATCHDOG = 10.0
LIVES = 96
ROOM = 1 << 16
# Words of a life: what it was about to do (messages begun, or 1 in a get), what it has done, torn messages; a list.
BEGUN, DONE, TORN, LIST = 0, 8, 16, 24
STRIDE = LIST + 8 * ROOM
FORK = multiprocessing.get_context("fork")


def message(life, number, size):
    """The payload: a header, and bytes that hang on it."""
    header = struct.pack("<II", life, number)
    return header + hashlib.shake_128(header).digest(size - len(header))


def read(payload):
    """Whose it is and the how-manieth; None if it is not whole."""
    if not isinstance(payload, bytes) or len(payload) < 8:
        return None
    life, number = struct.unpack_from("<II", payload)
    return (life, number) if payload == message(life, number, len(payload)) else None


class Yard:
    """Memory that outlives the processes of a round."""

    def __init__(self):
        self.memory = mmap.mmap(-1, 8 + LIVES * STRIDE)

    def finish(self):
        self.memory[0] = 1

    def finishing(self):
        return self.memory[0] == 1

    def get(self, life, at):
        return struct.unpack_from("<Q", self.memory, 8 + life * STRIDE + at)[0]

    def set(self, life, at, value):
        struct.pack_into("<Q", self.memory, 8 + life * STRIDE + at, value)


def send(yard, life, channel, size, seed):
    """A sender's life."""
    dice = random.Random(seed)
    for number in range(ROOM):
        if yard.finishing():
            break
        payload = message(life, number, size)
        yard.set(life, BEGUN, number + 1)
        while True:
            try:
                form = dice.randrange(3)
                if form == 0:
                    channel.put(payload, timeout=0.05)
                elif form == 1:
                    channel.put_nowait(payload)
                else:
                    channel.put(payload, timeout=dice.random() / 1000)
                break
            except queue.Full:
                if yard.finishing():
                    yard.set(life, BEGUN, number)
                    return
        yard.set(life, DONE, number + 1)


def receive(yard, life, channel, all_sent, seed):
    """A receiver's life."""
    dice = random.Random(seed)
    for _ in range(2 * ROOM):
        ended = all_sent.is_set()
        timeout = 0.2 if ended else dice.choice([0.0, 0.001, 0.05])
        yard.set(life, BEGUN, 1)
        try:
            found = read(channel.get(timeout=timeout) if timeout else channel.get_nowait())
        except queue.Empty:
            yard.set(life, BEGUN, 0)
            if ended:
                return
            continue
        except Exception:  # Whatever a torn frame makes of the reader.
            found = None
        done = yard.get(life, DONE)
        if found is None:
            yard.set(life, TORN, yard.get(life, TORN) + 1)
        elif done < ROOM:
            yard.set(life, LIST + 8 * done, found[0] << 32 | found[1])
            yard.set(life, DONE, done + 1)
        yard.set(life, BEGUN, 0)
        if done + 1 >= ROOM:
            return


class Round:
    """A round, as far as its seed decides it."""

    def __init__(self, seed):
        self.dice = random.Random(seed)
        self.size = self.dice.choice([24, 32, 256, 4096])
        self.channel = FORK.Queue(2 ** self.dice.randrange(11))
        self.all_sent = FORK.Event()
        self.yard = Yard()
        self.wanted = {True: 1 + self.dice.randrange(4), False: 1 + self.dice.randrange(4)}
        self.processes = []  # (process, sends, killed) by life
        self.count = collections.Counter(rounds=1)

    def populate(self):
        for sends, wanted in self.wanted.items():
            there = sum(s == sends and not killed and p.is_alive() for p, s, killed in self.processes)
            for _ in range(wanted - there):
                life = len(self.processes)
                if life == LIVES:
                    return
                seed = self.dice.random()
                if sends:
                    process = FORK.Process(target=send, args=(self.yard, life, self.channel, self.size, seed))
                else:
                    process = FORK.Process(target=receive, args=(self.yard, life, self.channel, self.all_sent, seed))
                process.start()
                self.processes.append((process, sends, False))
                self.count["respawned"] += 1

    def fight(self):
        self.populate()
        self.count["respawned"] = 0
        end = time.monotonic() + 0.15 + 0.25 * self.dice.random()
        pause = 0.0002 + 0.012 * self.dice.random()
        stopped = {}
        while time.monotonic() < end and len(self.processes) < LIVES - 20:
            time.sleep(pause * self.dice.random())
            for life in [life for life, until in stopped.items() if until < time.monotonic()]:
                self.signal(life, signal.SIGCONT)
                del stopped[life]
            alive = [life for life, (p, _, killed) in enumerate(self.processes) if not killed and p.is_alive()]
            blow = self.dice.randrange(8)
            if alive and blow <= 3:
                life = self.dice.choice(alive)
                self.kill(life)
                self.count["kills"] += 1
            elif alive and blow <= 6:
                life = self.dice.choice(alive)
                if life not in stopped:
                    stopped[life] = time.monotonic() + self.dice.random() * self.dice.choice([0.02, 0.02, 0.02, 0.4])
                    self.signal(life, signal.SIGSTOP)
                    self.count["stops"] += 1
            self.populate()
        for life in stopped:
            self.signal(life, signal.SIGCONT)

    def signal(self, life, number):
        process = self.processes[life][0]
        if process.is_alive():
            os.kill(process.pid, number)

    def kill(self, life):
        process, sends, _ = self.processes[life]
        process.kill()
        process.join()
        self.processes[life] = (process, sends, True)

    def finish(self):
        self.populate()
        self.yard.finish()
        deadline = time.monotonic() + WATCHDOG
        for sends in (True, False):
            for process, s, _ in self.processes:
                if s == sends:
                    process.join(max(0.0, deadline - time.monotonic()))
            if sends:
                # An Event's lock may have died with somebody, too: that is a hang.
                signal.setitimer(signal.ITIMER_REAL, max(0.001, deadline - time.monotonic()))
                try:
                    self.all_sent.set()
                except TimeoutError:
                    pass
                signal.setitimer(signal.ITIMER_REAL, 0)
        hung = [life for life, (p, _, _) in enumerate(self.processes) if p.is_alive()]
        for life in hung:
            self.kill(life)
        # With messages left, the receivers have been told that it is empty: they could not get at the lock to read it.
        if hung or not self.channel.empty():
            self.count["hung"] = 1

    def audit(self):
        """Adds up the accounts."""
        received = collections.Counter()
        excuses = 0
        for life, (_, sends, killed) in enumerate(self.processes):
            if sends:
                self.count["messages"] += self.yard.get(life, DONE)
                continue
            for i in range(self.yard.get(life, DONE)):
                word = self.yard.get(life, LIST + 8 * i)
                received[word >> 32, word & 0xFFFFFFFF] += 1
            self.count["torn"] += self.yard.get(life, TORN)
            excuses += killed and self.yard.get(life, BEGUN)
        self.count["doubled"] += sum(n - 1 for n in received.values())
        if self.count["hung"]:
            return
        missing = 0
        for life, (_, sends, killed) in enumerate(self.processes):
            if sends:
                gone = sum((life, number) not in received for number in range(self.yard.get(life, DONE)))
                if killed:
                    self.count["buffered"] += gone
                else:
                    missing += gone
        self.count["taken"] += min(missing, excuses)
        self.count["lost"] += max(0, missing - excuses)

    def close(self):
        self.channel.close()
        self.yard.memory.close()
        for process, _, _ in self.processes:
            process.close()


ROWS = [
    ("rounds", "rounds"),
    ("messages", "messages"),
    ("kills", "processes killed"),
    ("stops", "stopped and continued"),
    ("respawned", "respawned"),
    ("buffered", "died with their senders, put() having returned"),
    ("taken", "died with their receivers"),
    ("lost", "lost (in rounds that came to an end)"),
    ("doubled", "doubled"),
    ("torn", "torn"),
    ("hung", "hung rounds"),
]


def table(total):
    width = max(len(text) for _, text in ROWS)
    return "\n".join(f"{text:{width}} {total[key]:>12}" for key, text in ROWS)


def bark(_number, _frame):
    raise TimeoutError


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=2)
    parser.add_argument("--seed", type=int, default=time.time_ns() // 1_000_000)
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}, Python {sys.version.split()[0]}: the next round has the next one", flush=True)
    signal.signal(signal.SIGALRM, bark)
    # What torn frames make of a process is counted, not shown.
    sys.stderr.flush()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    total = collections.Counter()
    started = reported = time.monotonic()
    while time.monotonic() - started < 60 * arguments.minutes:
        this = Round(arguments.seed + total["rounds"])
        this.fight()
        this.finish()
        this.audit()
        this.close()
        total += this.count
        if time.monotonic() - reported > 30:
            reported = time.monotonic()
            print(f"after {reported - started:.0f} s\n{table(total)}", flush=True)
    print(table(total), flush=True)


if __name__ == "__main__":
    main()
