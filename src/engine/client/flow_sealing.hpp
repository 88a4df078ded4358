// How the initiator of a UDP flow agrees on its keys with the target: a SEAL frame on an encrypted carrier.
#pragma once

#include "crypto/datagram_seal.hpp"
#include "engine/client/carrier_pool.hpp"

namespace chuantou::engine {

class FlowSealUser {
 public:
  virtual ~FlowSealUser() = default;
  /// Both sides have the keys of this session, which may have been followed by another one meanwhile.
  virtual void onSealed(SessionId session, const crypto::SealKeys& keys) = 0;
  virtual void onSealFailed(SessionId session, const Error& error) = 0;
};

/// Tells the user unless it is gone by then. The carrier returns to the pool, which may be gone as well.
void sealFlow(ClientContext& context, std::weak_ptr<CarrierPool> pool, const Target& target, SessionId session,
              std::weak_ptr<FlowSealUser> user);

}  // namespace chuantou::engine
