"""A neighbour with a stopwatch: python3 pinger.py PORT; round trips of 64 bytes, one after the other, over one connection.

For each line "N" on its input it does N of them and prints their times in microseconds. It is a process of its
own, so that no thread of the test stands in its way.
"""
import gc
import os
import socket
import sys
import time


def main():
    connection = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    gc.disable()
    print("ready", flush=True)
    for line in sys.stdin:
        times = []
        for _ in range(int(line)):
            data = os.urandom(64)
            begin = time.perf_counter_ns()
            connection.sendall(data)
            answer = b""
            while len(answer) < 64:
                more = connection.recv(64 - len(answer))
                if not more:
                    raise SystemExit("the connection has ended")
                answer += more
            times.append(time.perf_counter_ns() - begin)
            if answer != data:
                raise SystemExit("the echo differs")
        print("times", *[time_ns // 1000 for time_ns in times], flush=True)


main()
