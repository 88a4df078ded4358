// The examination of one address family's way out, with real sockets.
#pragma once

#include "engine/nat/probe_run.hpp"
#include "nat/detection.hpp"

namespace chuantou::engine {

/// On the context's thread.
class FamilyDetection {
 public:
  /// `done` runs once, never before a call returns.
  FamilyDetection(asio::io_context& context, RandomSource& random, bool v6, std::function<void()> done);
  ~FamilyDetection() { close(); }
  FamilyDetection(const FamilyDetection&) = delete;
  FamilyDetection& operator=(const FamilyDetection&) = delete;

  /// One that there is no way to is left out.
  void addServer(const UdpAddress& address);
  void noMoreServers();
  /// Nothing is sent or told any more.
  void close();

  bool done() const noexcept { return detection_ ? detection_->done() : noMore_; }
  /// Nothing: no server of this family could be sent to.
  std::optional<nat::Findings> findings() const;

 private:
  bool v6_;
  bool noMore_ = false;
  std::shared_ptr<ProbeRun> run_;
  std::optional<nat::NatDetection> detection_;  ///< from the first server on
};

}  // namespace chuantou::engine
