// An HTTP service that lives in this program and has no port of its own: other clients reach it as B:3000. Try it:
//
//   cd build/release/bin
//   ./cts run & ./http_service ws://127.0.0.1:8200 B 3000 & ./ctc run --id A -L 8000:B:3000 &
//   curl http://127.0.0.1:8000/any/path
#include <chuantou/chuantou.hpp>

#include <csignal>
#include <iostream>
#include <thread>

namespace {

/// One request a connection.
void serve(chuantou::Stream stream) {
  try {
    std::string head;
    char buffer[4096];
    while (head.find("\r\n\r\n") == std::string::npos && head.size() < 16384) {
      const std::size_t got = stream.read(buffer, sizeof buffer);
      if (got == 0) return;
      head.append(buffer, got);
    }
    const std::string body = stream.peer() + " asked: " + head.substr(0, head.find("\r\n")) + "\n";
    stream.write("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: " +
                 std::to_string(body.size()) + "\r\n\r\n" + body);
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

  chuantou::ClientConfig config;
  if (argc > 1) config.serverUrl = argv[1];
  config.clientId = argc > 2 ? argv[2] : "B";
  if (argc > 4) config.token = argv[4];
  config.allow = {"none"};  // nothing of this machine but the service below
  const auto port = static_cast<std::uint16_t>(argc > 3 ? std::stoi(argv[3]) : 3000);

  chuantou::Client client{config};
  client.listen(port, [](chuantou::Stream stream) { std::thread{serve, std::move(stream)}.detach(); });
  client.start();
  std::cout << "serving " << client.id() << ":" << port << std::endl;
  int signal = 0;
  sigwait(&signals, &signal);
  return 0;
} catch (const std::exception& error) {
  std::cerr << error.what() << "\n";
  return 1;
}
