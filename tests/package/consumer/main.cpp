// What an application would write, in C++17: a server, two clients and a proxy in one process.
#include <chuantou/chuantou.hpp>
#include <cstdio>
#include <string>

int main() {
  chuantou::ServerConfig config;
  config.host = "127.0.0.1";
  config.port = 0;
  config.token = "secret";
  chuantou::Server server(config);
  server.start();
  const std::string url = "ws://127.0.0.1:" + std::to_string(server.port());
  chuantou::Client a({url, "A", "secret"});
  chuantou::Client b({url, "B", "secret"});
  b.listen(3000, [](chuantou::Stream stream) {
    static const std::string hello = "hello";
    stream.asyncWrite(hello.data(), hello.size(), [stream](std::error_code, std::size_t) mutable { stream.close(); });
  });
  a.start();
  b.start();
  chuantou::Proxy proxy = a.createProxy({0, "B", 3000});
  chuantou::Stream stream = a.connect("B", 3000);
  std::string got;
  char buffer[16];
  while (const std::size_t n = stream.read(buffer, sizeof buffer)) got.append(buffer, n);
  std::printf("chuantou %s: %s through port %u\n", chuantou::version(), got.c_str(), unsigned{proxy.localPort()});
  return got == "hello" ? 0 : 1;
}
