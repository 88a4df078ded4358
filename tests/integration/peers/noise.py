"""Strangers at a port: python3 noise.py HOST PORT; until it is killed. Prints "noisy" when the first round is done.

Its own process, so that the neighbour's latency is measured without this program's work in it. The pace is fixed,
since a flood would measure the machine's network stack and not the server.
"""
import os
import random
import resource
import select
import socket
import sys
import time

HOST, PORT = sys.argv[1], int(sys.argv[2])
SLOW = 300            # slow-loris connections at a time
GARBAGE_A_ROUND = 20  # connections that send rubbish and do not wait
DATAGRAMS_A_ROUND = 100
ROUND = 0.05


def rubbish():
    kind = random.randrange(6)
    if kind == 0:
        return os.urandom(random.randrange(1, 5000))
    if kind == 1:
        return b"\xfd\x01" + os.urandom(random.randrange(0, 16))
    if kind == 2:
        return b"\xfd" + os.urandom(30)
    if kind == 3:
        return b"GET / HTTP/1.1\r\n" + b"X-Long: " + b"x" * 60_000
    if kind == 4:
        return b"\x16\x03\x01\x02\x00\x01\x00" + os.urandom(200)
    return b"GET /\0\xff HTTP/9.9\r\n\r\n\r\n"


def dial():
    connection = socket.socket()
    connection.setblocking(False)
    connection.connect_ex((HOST, PORT))
    return connection


def main():
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    slow, recent, rounds = [], [], 0
    while True:
        begin = time.monotonic()
        slow += [dial() for _ in range(min(SLOW - len(slow), 50))]
        alive = []
        for connection in slow:
            try:
                connection.send(b"GET / HTTP/1.1\r\nA: b\r\n"[rounds % 20:][:1])  # a byte a round
                alive.append(connection)
            except BlockingIOError:
                alive.append(connection)
            except OSError:
                connection.close()
        slow = alive
        fresh = [dial() for _ in range(GARBAGE_A_ROUND)]
        select.select([], fresh, [], ROUND / 2)
        for connection in fresh:
            try:
                connection.send(rubbish())
            except OSError:
                pass
        for connection in recent:
            connection.close()
        recent = fresh
        for _ in range(DATAGRAMS_A_ROUND):
            udp.sendto(os.urandom(random.choice((0, 1, 5, 6, 11, 27, 500, 1400))), (HOST, PORT))
        rounds += 1
        if rounds == 1:
            print("noisy", flush=True)
        select.select([], [], [], max(0.0, ROUND - (time.monotonic() - begin)))


main()
