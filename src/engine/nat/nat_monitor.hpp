// Detections on a thread of their own, and what they found, kept as long as it may still be true.
#pragma once

#include <mutex>

#include "engine/nat/nat_check.hpp"
#include "net/io_thread.hpp"
#include "net/network_watch.hpp"
#include "net/system_random.hpp"

namespace chuantou::engine {

/// Public calls may come from any thread. Own one by shared_ptr.
class NatMonitor : public std::enable_shared_from_this<NatMonitor> {
 public:
  using Done = std::function<void(std::error_code error, const NatReport& report)>;

  explicit NatMonitor(const NatDetectorConfig& config);  ///< Throws Error(invalid_argument).
  ~NatMonitor();

  void asyncDetect(Done done);
  std::optional<NatReport> cached() const;
  void invalidate();
  void start();
  void stop() noexcept;

  std::function<void(const NatReport&)> onReport;

 private:
  /// False after stop().
  bool post(std::function<void(NatMonitor&)> what);
  void detect(Done done);
  void startCheck();
  void onReportReady(NatReport report);
  void onNetworkChanged();
  void schedule();

  NatDetectorConfig config_;
  NatCheckConfig checkConfig_;
  Logger log_;
  net::SystemRandom random_;
  net::IoThread thread_;

  mutable std::mutex mutex_;
  std::optional<NatReport> cached_;
  TimePoint cachedAt_{};
  bool running_ = false;  ///< the thread was started
  bool stopped_ = false;

  // On the thread only.
  std::shared_ptr<NatCheck> check_;
  std::vector<Done> waiters_;
  std::unique_ptr<net::NetworkWatch> watch_;
  std::unique_ptr<net::Timer> repeat_;
  bool watching_ = false;
};

}  // namespace chuantou::engine
