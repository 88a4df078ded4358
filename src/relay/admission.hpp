// Who may take up room: limits for connections of which nobody knows yet whether they belong here, and for registering.
//
// A connection is *unproved* until it has shown what only a legitimate peer has: a key that belongs to a session, or a
// registration. Honest ones are that for a moment only, so that those dropped by chance are the silent ones (random early
// drop, after Floyd and Jacobson, 1993). What has proved itself is never dropped.
#pragma once

#include <deque>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/allowance.hpp"
#include "base/source.hpp"
#include "base/time.hpp"

namespace chuantou::relay {

/// Below a limit, what is younger than this is not dropped: a client that opens thousands of connections at once is busy
/// with all of them before it speaks on the first.
inline constexpr Duration kAdmissionGrace = std::chrono::seconds{1};

/// An accepted connection, of whatever kind; never reused.
enum class PeerId : std::uint64_t {};

struct AdmissionLimits {
  std::size_t maxPending = 8'192;
  std::size_t maxPendingPerSource = 1'024;  ///< where no client is registered; one that proved itself may have bursts
  std::size_t maxClientsPerSource = 16'384;
  std::size_t maxRegistrationsPerMinute = 20'000;  ///< attempts of a source
  std::size_t maxAuthFailuresPerMinute = 60;       ///< of a source
  std::size_t maxRestingSources = 65'536;          ///< remembered for what they did within the last minute only
};

struct AdmissionStats {
  std::uint64_t droppedEarly = 0;          ///< all together were too many
  std::uint64_t droppedPerSource = 0;      ///< those of one source were
  std::uint64_t refusedClients = 0;        ///< a source's registered clients
  std::uint64_t refusedRegistrations = 0;  ///< a source's attempts
  std::uint64_t refusedGuesses = 0;        ///< attempts of a source that failed too often
};

class Admission {
 public:
  Admission(AdmissionLimits limits, RandomSource& random);

  /// A new, unproved connection. Others may have to go for it: drain pollDrop().
  void handleAccepted(TimePoint now, PeerId peer, const Source& from);
  /// The system is short of something that connections take (descriptors, the limit of all connections): some of the
  /// unproved have to go, at least one if there is one. Drain pollDrop().
  void handleShortage(TimePoint now);
  /// It has a key of a session. Nothing more is counted of it.
  void handleProved(TimePoint now, PeerId peer);

  enum class Verdict { welcome, tooManyClients, tooManyAttempts, tooManyFailures };
  /// It wants to register, before its proof is looked at. `again`: it replaces a connection of the same source.
  Verdict handleRegisterAttempt(TimePoint now, PeerId peer, bool again);
  void handleAuthFailure(TimePoint now, PeerId peer);
  void handleRegistered(TimePoint now, PeerId peer);

  /// It is closed; also of those that were proved or dropped, which changes nothing.
  void handleClosed(TimePoint now, PeerId peer);
  /// Every second or so: forgets sources that are at rest.
  void handleTick(TimePoint now);

  /// A connection that must be closed; it is forgotten here already.
  std::optional<PeerId> pollDrop();

  bool isUnproved(PeerId peer) const;
  std::size_t pending() const noexcept { return unproved_.size(); }
  std::size_t sources() const noexcept { return sources_.size(); }
  const AdmissionStats& stats() const noexcept { return stats_; }
  /// The most that any one source has. Looks at all of them.
  struct Most {
    std::size_t pending = 0;  ///< where no client is registered
    std::size_t clients = 0;
    std::size_t registrations = 0;  ///< within about a minute
    std::size_t authFailures = 0;
  };
  Most most(TimePoint now);

 private:
  struct SourceState {
    std::vector<PeerId> unproved;
    std::size_t registered = 0;
    Allowance attempts;
    Allowance failures;
    bool resting = false;  ///< in resting_
  };
  struct Peer {
    Source from;
    TimePoint since{};
    std::uint64_t arrival = 0;
    bool registered = false;
    bool attempted = false;
    std::size_t place = 0;          ///< in unproved_
    std::size_t placeInSource = 0;  ///< in its source's
  };

  SourceState& stateOf(const Source& from);
  /// One of them by chance, and rather one that has been there for long.
  PeerId choose(const std::vector<PeerId>& among);
  bool chance(std::size_t count, std::size_t limit);
  /// The one of these that must go for another, if one must.
  std::optional<PeerId> relieve(TimePoint now, const std::vector<PeerId>& crowd, std::size_t limit);
  void drop(TimePoint now, PeerId peer);
  void leaveUnproved(PeerId id, Peer& peer, SourceState& state);
  void forgetIfIdle(TimePoint now, const Source& from);

  AdmissionLimits limits_;
  RandomSource& random_;
  std::unordered_map<std::uint64_t, Peer> peers_;  ///< unproved or registered
  std::vector<PeerId> unproved_;
  std::unordered_map<Source, SourceState, SourceHash> sources_;
  std::deque<Source> resting_;  ///< without connections, but with something to be remembered; each once
  std::uint64_t arrivals_ = 0;
  std::deque<PeerId> drops_;
  AdmissionStats stats_;
};

}  // namespace chuantou::relay
