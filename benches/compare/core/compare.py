"""Measures what each program spends on reading a message: processor time, in turns, warm.

    compare.py DIRECTORY ROUNDS NAME=COMMAND...

The ruler is the same for all: the processor clock of the process, read from outside, and the times
of the children that it waited for.
"""
import os
import shlex
import subprocess
import sys
import time

TICK = os.sysconf("SC_CLK_TCK")


class Peer:
    def __init__(self, name, command, directory):
        self.name = name
        self.process = subprocess.Popen(
            shlex.split(command) + [directory], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.times = {}
        self.counts = {}

    def spent(self):
        pid = self.process.pid
        # The clock of another process, as clock_getcpuclockid(3) names it.
        own = time.clock_gettime((~pid << 3) | 2)
        with open(f"/proc/{pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return own + (int(fields[13]) + int(fields[14])) / TICK

    def run(self, message, count):
        before = self.spent()
        self.process.stdin.write(f"{message} {count}\n")
        self.process.stdin.flush()
        if self.process.stdout.readline().strip() != "done":
            sys.exit(f"{self.name} refused a message of {message!r}")
        return (self.spent() - before) / count

    def warm_up(self, message):
        """Then as many at a time as take about 0.4 s."""
        self.run(message, 16)
        each = self.run(message, 16)
        self.counts[message] = max(16, min(20_000, int(0.4 / max(each, 1e-6))) // 16 * 16)
        self.times[message] = []

    def turn(self, message):
        self.times[message].append(self.run(message, self.counts[message]))


def main():
    directory, rounds = sys.argv[1], int(sys.argv[2])
    peers = [Peer(*argument.split("=", 1), directory) for argument in sys.argv[3:]]
    for message in ("both", "one"):
        for peer in peers:
            peer.warm_up(message)
        for _ in range(rounds):
            for peer in peers:
                peer.turn(message)
    ours = peers[0]
    print("| | one signature, µs | × samlgate | two signatures, µs | × samlgate |")
    print("|---|---:|---:|---:|---:|")
    for peer in peers:
        columns = []
        for message in ("one", "both"):
            least = min(peer.times[message])
            columns += [f"{least * 1e6:,.0f}", f"{least / min(ours.times[message]):,.1f}"]
        print(f"| {peer.name} | " + " | ".join(columns) + " |")
    for peer in peers:
        peer.process.stdin.close()
        peer.process.wait()


main()
