#include "common/main_guard.hpp"

#include "daemon/api_error.hpp"
#include "daemon/failure.hpp"
#include "daemon/output.hpp"
#include "daemon/phrases.hpp"

namespace chuantou::apps {

int guarded(const Language& language, const std::function<int()>& work) noexcept {
  try {
    return work();
  } catch (const daemon::Failure& failure) {
    daemon::printError(failure.what());
    return failure.exitCode();
  } catch (const Error& error) {
    daemon::printError(error.message(language));
    return error.errc() == Errc::invalid_argument ? daemon::kExitUsage : daemon::kExitFailed;
  } catch (const daemon::ApiError& error) {  // an answer of the daemon that is not what it should be
    daemon::printError(error.message);
  } catch (const std::exception& error) {
    daemon::printError(daemon::say(language, daemon::kInternal, error.what()));
  } catch (...) {
    daemon::printError(daemon::say(language, daemon::kInternal, "?"));
  }
  return daemon::kExitFailed;
}

}  // namespace chuantou::apps
