// PortMapper as a program, for the tests in network namespaces. One JSON object a line on standard output.
//
//     port-map-peer probe                                   what the gateway speaks
//     port-map-peer map udp|tcp PORT LIFETIME [PROTOCOL …]   a mapping, kept until standard input ends; each change a
//     line
#include <fmt/format.h>

#include <asio/executor_work_guard.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <charconv>
#include <cstdio>
#include <cstring>

#include "net/port_mapper.hpp"
#include "net/system_random.hpp"

using namespace chuantou;

namespace {

void say(const std::string& line) {
  std::puts(line.c_str());
  std::fflush(stdout);
}

std::string quoted(const std::string& text) { return "\"" + text + "\""; }

long millisSince(TimePoint begin) {
  return static_cast<long>(std::chrono::duration_cast<Millis>(Clock::now() - begin).count());
}

int number(const char* text) {
  int value = 0;
  std::from_chars(text, text + std::strlen(text), value);
  return value;
}

int probe(asio::io_context& context, net::PortMapper& mapper) {
  const TimePoint begin = Clock::now();
  mapper.probe([&](const net::PortMapProbe& found) {
    std::string protocols;
    for (const auto protocol : found.protocols)
      protocols += (protocols.empty() ? "" : ",") + quoted(nat::nameOf(protocol));
    const auto address = [](const std::optional<IpAddress>& a) { return a ? quoted(a->str()) : std::string{"null"}; };
    say(fmt::format(R"({{"gateway":{},"available":{},"protocols":[{}],"externalAddress":{},"ms":{}}})",
                    address(found.gateway), found.available(), protocols, address(found.externalAddress),
                    millisSince(begin)));
    mapper.close();
  });
  context.run();
  return 0;
}

int map(asio::io_context& context, net::PortMapper& mapper, nat::Transport transport, std::uint16_t port,
        int lifetime) {
  mapper.add(
      port, transport,
      [](const std::optional<net::PortMapping>& mapping) {
        say(!mapping
                ? R"({"mapping":null})"
                : fmt::format(R"({{"mapping":{{"protocol":"{}","address":"{}","port":{}}}}})",
                              nat::nameOf(mapping->protocol), mapping->external.address.str(), mapping->external.port));
      },
      std::chrono::seconds{lifetime});
  asio::posix::basic_stream_descriptor<net::Executor> input{context, 0};
  char byte = 0;
  input.async_read_some(asio::buffer(&byte, 1), [&](const net::ErrorCode&, std::size_t) {
    const TimePoint begin = Clock::now();
    mapper.stop([begin] { say(fmt::format(R"({{"stopped":true,"ms":{}}})", millisSince(begin))); });
  });
  context.run();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  asio::io_context context{1};
  net::SystemRandom random;
  const Logger log{[](LogLevel, std::string_view component, std::string_view text) {
                     std::fprintf(stderr, "%.*s: %.*s\n", static_cast<int>(component.size()), component.data(),
                                  static_cast<int>(text.size()), text.data());
                   },
                   LogLevel::debug, Language::english};
  const std::string what = argc > 1 ? argv[1] : "";
  if (what == "probe") {
    net::PortMapper mapper{context, random, log};
    return probe(context, mapper);
  }
  if (what != "map" || argc < 5) return 2;
  net::PortMapperOptions options;
  if (argc > 5) options.protocols.clear();
  for (int i = 5; i < argc; ++i) {
    for (const auto protocol : {nat::MapProtocol::pcp, nat::MapProtocol::natPmp, nat::MapProtocol::upnpIgd}) {
      if (std::string_view{argv[i]} == nat::nameOf(protocol)) options.protocols.push_back(protocol);
    }
  }
  net::PortMapper mapper{context, random, log, options};
  const auto transport = std::string_view{argv[2]} == "tcp" ? nat::Transport::tcp : nat::Transport::udp;
  return map(context, mapper, transport, static_cast<std::uint16_t>(number(argv[3])), number(argv[4]));
}
