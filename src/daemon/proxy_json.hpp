// A proxy's options as JSON: the same in the admin API and in proxies.json.
#pragma once

#include "chuantou/proxy.hpp"
#include "daemon/json_reader.hpp"
#include "daemon/json_writer.hpp"

namespace chuantou::daemon {

/// The fields into the object that is open.
void writeProxyOptions(JsonWriter& json, const ProxyOptions& options);
/// Throws ApiError (400) naming the field; unknown fields are an error. `udpIdleTimeout` where the object has none.
ProxyOptions readProxyOptions(const JsonObject& object, Language language, std::chrono::milliseconds udpIdleTimeout);

}  // namespace chuantou::daemon
