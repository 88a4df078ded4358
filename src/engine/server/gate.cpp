#include "engine/server/gate.hpp"

#include "net/ip_convert.hpp"

namespace chuantou::engine {

namespace {

relay::AdmissionLimits limitsOf(const ServerConfig& config) {
  relay::AdmissionLimits limits;
  limits.maxPending = config.maxPending;
  limits.maxPendingPerSource = config.maxPendingPerAddress;
  limits.maxClientsPerSource = config.maxClientsPerAddress;
  limits.maxRegistrationsPerMinute = config.maxRegistrationsPerMinute;
  limits.maxAuthFailuresPerMinute = config.maxAuthFailuresPerMinute;
  return limits;
}

}  // namespace

Gate::Gate(const ServerConfig& config, RandomSource& random) : admission_(limitsOf(config), random) {}

relay::PeerId Gate::handleAccepted(const net::TcpEndpoint& from) {
  const relay::PeerId peer{++last_};
  admission_.handleAccepted(Clock::now(), peer, Source::of(net::fromAsio(from.address())));
  drain();
  return peer;
}

void Gate::becomes(relay::PeerId peer, Drop drop) {
  if (admission_.isUnproved(peer)) drops_[static_cast<std::uint64_t>(peer)] = std::move(drop);
}

void Gate::handleShortage() {
  admission_.handleShortage(Clock::now());
  drain();
}

void Gate::handleProved(relay::PeerId peer) {
  drops_.erase(static_cast<std::uint64_t>(peer));
  admission_.handleProved(Clock::now(), peer);
}

void Gate::handleClosed(relay::PeerId peer) {
  drops_.erase(static_cast<std::uint64_t>(peer));
  admission_.handleClosed(Clock::now(), peer);
}

void Gate::handleTick() { admission_.handleTick(Clock::now()); }

void Gate::drain() {
  while (const auto peer = admission_.pollDrop()) {
    // Taken out first: what it closes reports here that it is closed.
    if (auto drop = drops_.extract(static_cast<std::uint64_t>(*peer))) drop.mapped()();
  }
}

const char* Gate::handleRegister(relay::PeerId peer, bool again) {
  using Verdict = relay::Admission::Verdict;
  switch (admission_.handleRegisterAttempt(Clock::now(), peer, again)) {
    case Verdict::welcome:
      break;
    case Verdict::tooManyClients:
      return "too many clients of this address are registered";
    case Verdict::tooManyAttempts:
      return "too many registrations from this address; try again in a minute";
    case Verdict::tooManyFailures:
      return "too many failed registrations from this address; try again in a minute";
  }
  return nullptr;
}

void Gate::handleRegisterResponse(relay::PeerId peer, const wire::RegisterResponse& response) {
  if (response.success) {
    drops_.erase(static_cast<std::uint64_t>(peer));
    return admission_.handleRegistered(Clock::now(), peer);
  }
  const bool unanswered = response.code == Errc::auth_required && response.challenge.empty();
  if (response.code == Errc::auth_failed || unanswered) admission_.handleAuthFailure(Clock::now(), peer);
}

}  // namespace chuantou::engine
