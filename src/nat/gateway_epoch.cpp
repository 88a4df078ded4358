#include "nat/gateway_epoch.hpp"

#include <utility>

namespace chuantou::nat {

bool GatewayEpoch::handleEpoch(TimePoint now, std::uint32_t epoch) {
  const auto before = std::exchange(last_, Seen{now, epoch});
  if (!before) return false;
  // A second back is an answer that overtook another.
  if (std::int64_t{epoch} < std::int64_t{before->epoch} - 1) return true;
  const auto client = std::chrono::duration_cast<std::chrono::seconds>(now - before->at).count();
  const auto server = std::int64_t{epoch} - std::int64_t{before->epoch};
  // Both clocks may drift by a sixteenth, and are rounded.
  return client + 2 < server - server / 16 || server + 2 < client - client / 16;
}

}  // namespace chuantou::nat
