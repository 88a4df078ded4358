// What NAT is this machine behind? Asks the STUN servers given, or a few public ones, and with --watch tells again whenever
// the network has changed.
//
//   build/release/bin/nat_detector [--watch] [HOST:PORT …]
#include <chuantou/chuantou.hpp>

#include <csignal>
#include <cstring>
#include <iostream>

namespace {

void print(const chuantou::NatReport& report) {
  std::cout << "type " << toString(report.type) << ", mapping " << toString(report.mapping) << ", filtering "
            << toString(report.filtering);
  if (!report.publicAddress.empty()) std::cout << ", public address " << report.publicAddress;
  for (const std::string& field : report.uncertain) std::cout << "\n  not sure about " << field;
  std::cout << std::endl;
}

}  // namespace

int main(int argc, char** argv) try {
  sigset_t signals;  // blocked before the library starts its threads, so that only sigwait below gets them
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  chuantou::NatDetectorConfig config;
  bool watch = false;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--watch") == 0) {
      watch = true;
    } else {
      config.stunServers.emplace_back(argv[i]);
    }
  }
  chuantou::NatDetector detector{config};
  if (!watch) {
    print(detector.detect());
    return 0;
  }
  detector.onReport(print);
  detector.start();
  int signal = 0;
  sigwait(&signals, &signal);
  return 0;
} catch (const std::exception& error) {
  std::cerr << error.what() << "\n";
  return 1;
}
