#include "daemon/stream_json.hpp"

#include <algorithm>
#include <tuple>

#include "daemon/human_text.hpp"

namespace chuantou::daemon {

namespace {

constexpr Phrase kAttached{"on its way", "畅通"};
constexpr Phrase kStalled{"stalled for {0}", "已中断 {0}"};
constexpr Phrase kWaiting{"waits for the peer", "等待对方"};

std::int64_t count(std::chrono::milliseconds duration) { return duration.count(); }

bool comesFirst(const StreamInfo& a, const StreamInfo& b) {
  const auto order = [](const StreamInfo& s) {
    const std::int64_t stalled = s.stalledFor ? count(*s.stalledFor) : -1;
    return std::tuple{-stalled, count(s.age), std::string_view{s.id}};
  };
  return order(a) < order(b);
}

const char* stateOf(const StreamInfo& stream) {
  return stream.stalledFor ? "stalled" : stream.attached ? "attached" : "waiting";
}

std::string wordsOf(const StreamInfo& stream, Language language) {
  if (stream.stalledFor) return say(language, kStalled, humanDuration(*stream.stalledFor));
  return say(language, stream.attached ? kAttached : kWaiting);
}

}  // namespace

void writeStreams(JsonWriter& json, std::vector<StreamInfo> streams, Language language, std::size_t most) {
  const auto end = streams.begin() + static_cast<std::ptrdiff_t>(std::min(most, streams.size()));
  std::partial_sort(streams.begin(), end, streams.end(), comesFirst);
  json.field("total", streams.size());
  json.field("stalled", std::count_if(streams.begin(), streams.end(),
                                      [](const StreamInfo& s) { return s.stalledFor.has_value(); }));
  json.beginArray("streams");
  for (auto stream = streams.begin(); stream != end; ++stream) {
    json.beginObject();
    json.field("id", stream->id);
    json.field("peer", stream->peer);
    json.field("port", stream->port);
    json.field("direction", stream->outbound ? "out" : "in");
    json.field("state", stateOf(*stream));
    json.field("stateText", wordsOf(*stream, language));
    if (stream->stalledFor) json.field("stalledForMs", count(*stream->stalledFor));
    json.field("carrier", stream->carrier);
    json.field("ageMs", count(stream->age));
    json.field("bytesSent", stream->bytesSent);
    json.field("bytesReceived", stream->bytesReceived);
    json.field("resumes", stream->resumes);
    json.field("migrations", stream->migrations);
    json.field("repeatedBytes", stream->repeatedBytes);
    json.field("lostTimeMs", count(stream->lostTime));
    json.endObject();
  }
  json.endArray();
}

}  // namespace chuantou::daemon
