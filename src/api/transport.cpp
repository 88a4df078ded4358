#include "chuantou/transport.hpp"

#include <future>

#include "engine/client/transport_probe.hpp"

namespace chuantou {

std::vector<TransportInfo> probeTransports(const ClientConfig& config, std::chrono::milliseconds deadline) {
  net::IoThread thread;
  auto probe = std::make_shared<engine::TransportProbe>(thread, config);
  std::promise<std::vector<TransportInfo>> answer;
  auto future = answer.get_future();
  thread.start();
  thread.tryPost([&] { probe->start(deadline, [&](std::vector<TransportInfo> all) { answer.set_value(std::move(all)); }); });
  auto out = future.get();  // the probe has the deadline
  thread.stop();
  return out;
}

}  // namespace chuantou
