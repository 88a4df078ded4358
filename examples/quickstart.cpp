// A server, a client B with a service, and a client A whose port 8000 leads to it, all in one program. Try it:
//
//   build/release/bin/quickstart        and, in another terminal:   curl http://127.0.0.1:8000/
#include <chuantou/chuantou.hpp>

#include <csignal>
#include <iostream>
#include <thread>

namespace {

void answer(chuantou::Stream stream) {
  char request[4096];
  if (stream.read(request, sizeof request) == 0) return;
  stream.write("HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nHello, " + stream.peer() + ", this is B.\n");
}

void serve(chuantou::Stream stream) {
  try {
    answer(std::move(stream));
  } catch (const chuantou::Error& error) {
    std::cerr << error.what() << "\n";
  }
}

}  // namespace

int main(int argc, char** argv) try {
  sigset_t signals;  // blocked before the library starts its threads, so that only sigwait below gets them
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  chuantou::ServerConfig serverConfig;
  serverConfig.port = 0;  // the system chooses; without a token it listens on loopback only
  chuantou::Server server{serverConfig};
  server.start();
  const std::string url = "ws://127.0.0.1:" + std::to_string(server.port());

  chuantou::Client b{{url, "B"}};
  b.listen(3000, [](chuantou::Stream stream) { std::thread{serve, std::move(stream)}.detach(); });
  b.start();

  chuantou::Client a{{url, "A"}};
  a.start();
  const auto localPort = static_cast<std::uint16_t>(argc > 1 ? std::stoi(argv[1]) : 8000);
  const chuantou::Proxy proxy = a.createProxy({localPort, "B", 3000});

  std::cout << "curl http://127.0.0.1:" << proxy.localPort() << "/   (Ctrl-C ends)" << std::endl;
  int signal = 0;
  sigwait(&signals, &signal);
  return 0;
} catch (const std::exception& error) {
  std::cerr << error.what() << "\n";
  return 1;
}
