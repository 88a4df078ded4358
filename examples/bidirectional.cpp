// Two clients that use each other's services at the same time, without a local port: listen() and connect(). Try it:
//
//   build/release/bin/bidirectional
#include <chuantou/chuantou.hpp>

#include <iostream>
#include <thread>

namespace {

/// Sends back what comes, until the other side has said everything.
void echo(chuantou::Stream stream) {
  try {
    char buffer[4096];
    while (const std::size_t got = stream.read(buffer, sizeof buffer)) stream.write(buffer, got);
    stream.shutdown();
  } catch (const chuantou::Error& error) {
    std::cerr << error.what() << "\n";
  }
}

std::string ask(chuantou::Client& client, const std::string& peer, std::uint16_t port, const std::string& question) {
  chuantou::Stream stream = client.connect(peer, port);
  stream.write(question);
  stream.shutdown();
  std::string answer;
  char buffer[4096];
  while (const std::size_t got = stream.read(buffer, sizeof buffer)) answer.append(buffer, got);
  return answer;
}

}  // namespace

int main() try {
  chuantou::ServerConfig serverConfig;
  serverConfig.port = 0;
  chuantou::Server server{serverConfig};
  server.start();
  const std::string url = "ws://127.0.0.1:" + std::to_string(server.port());

  chuantou::Client a{{url, "A"}};
  chuantou::Client b{{url, "B"}};
  const auto serve = [](chuantou::Stream stream) { std::thread{echo, std::move(stream)}.detach(); };
  a.listen(1000, serve);
  b.listen(2000, serve);
  a.start();
  b.start();

  std::thread other{[&] { std::cout << "B heard from A: " + ask(b, "A", 1000, "hello A") + "\n"; }};
  std::cout << "A heard from B: " + ask(a, "B", 2000, "hello B") + "\n";
  other.join();
  return 0;
} catch (const std::exception& error) {
  std::cerr << error.what() << "\n";
  return 1;
}
