// Streams as JSON, for `ctc streams` and the admin page.
#pragma once

#include <vector>

#include "chuantou/client.hpp"
#include "daemon/json_writer.hpp"
#include "daemon/language.hpp"

namespace chuantou::daemon {

/// More than a person reads, and an answer of half a megabyte.
inline constexpr std::size_t kMostStreamRows = 1000;

/// The fields `total` and `stalled` (how many of all), and `streams`: the first `most` of them, those that are stalled
/// before the others, of these the longest stalled first; of the others the youngest first.
void writeStreams(JsonWriter& json, std::vector<StreamInfo> streams, Language language, std::size_t most = kMostStreamRows);

}  // namespace chuantou::daemon
