#include "ctc/state_reporter.hpp"

#include "daemon/output.hpp"
#include "daemon/phrases.hpp"

namespace chuantou::apps {

namespace {

constexpr daemon::Phrase kTryingAgain{"{0}; trying again until it works", "{0}；将持续重试"};

}  // namespace

void StateReporter::report(ClientState state, std::error_code reason) {
  if (state == ClientState::registered) {
    lastSaid_.clear();
    daemon::printLine("registered as " + client_.id());
    return;
  }
  if (state == ClientState::failed) {
    failed_ = true;
    daemon::printError(sentence(reason));
    stop_.stop();
    return;
  }
  if (!reason || reason == lastSaid_ || reason == Errc::stopped) return;
  lastSaid_ = reason;
  // The library's log says the same, where it is shown to people.
  if (options_.logLevel <= LogLevel::warn && options_.logFormat == daemon::LogFormat::text) return;
  daemon::printError(daemon::say(options_.language, kTryingAgain, sentence(reason)));
}

std::string StateReporter::sentence(std::error_code reason) const {
  const ClientStats stats = client_.stats();
  if (!stats.lastErrorMessage.empty() && stats.lastError == reason) return stats.lastErrorMessage;
  if (reason.category() != error_category()) return reason.message();
  return Error{static_cast<Errc>(reason.value()), options_.serverUrl}.message(options_.language);
}

}  // namespace chuantou::apps
