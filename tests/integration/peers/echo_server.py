"""An echo service for thousands of connections in one thread. Prints "listening PORT" on a port that the system chose."""
import resource
import select
import socket


def main():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    listener.setblocking(False)
    poll = select.epoll()
    poll.register(listener, select.EPOLLIN)
    connections = {}  # descriptor: [socket, bytes not yet sent, end of stream seen]
    print(f"listening {listener.getsockname()[1]}", flush=True)
    while True:
        for descriptor, _ in poll.poll():
            if descriptor == listener.fileno():
                accept_all(listener, poll, connections)
            elif descriptor in connections and not serve(connections[descriptor], poll):
                connections.pop(descriptor)[0].close()


def accept_all(listener, poll, connections):
    while True:
        try:
            connection, _ = listener.accept()
        except BlockingIOError:
            return
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connections[connection.fileno()] = [connection, b"", False]
        poll.register(connection, select.EPOLLIN)


def serve(state, poll):
    """Reads only when nothing is waiting to be sent, so that it holds no more than one buffer a connection."""
    connection, waiting, ended = state
    try:
        if not waiting and not ended:
            waiting = connection.recv(65536)
            ended = not waiting
        if waiting:
            waiting = waiting[connection.send(waiting):]
    except BlockingIOError:
        pass
    except OSError:
        return False
    if ended and not waiting:
        return False
    state[1:] = [waiting, ended]
    poll.modify(connection, select.EPOLLOUT if waiting else select.EPOLLIN)
    return True


main()
