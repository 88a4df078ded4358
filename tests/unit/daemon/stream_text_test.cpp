// Streams as `ctc streams` shows them: from the library's rows through the admin API's JSON to the table.
#include "daemon/stream_text.hpp"

#include <catch2/catch.hpp>

#include "daemon/stream_json.hpp"

using namespace chuantou;
using namespace chuantou::daemon;
using namespace std::chrono_literals;

namespace {

StreamInfo makeStream(const char* id, std::chrono::milliseconds age) {
  StreamInfo stream;
  stream.id = id;
  stream.peer = "B";
  stream.port = 3000;
  stream.outbound = true;
  stream.attached = true;
  stream.carrier = "relay tcp";
  stream.age = age;
  return stream;
}

StreamInfo makeStalled(const char* id, std::chrono::milliseconds age, std::chrono::milliseconds stalledFor) {
  StreamInfo stream = makeStream(id, age);
  stream.attached = false;
  stream.carrier.clear();
  stream.stalledFor = stalledFor;
  return stream;
}

JsonDocument written(const std::vector<StreamInfo>& streams, std::size_t most = kMostStreamRows, Language language = Language::english) {
  JsonWriter json;
  writeStreams(json, streams, language, most);
  return JsonDocument{json.finish(), 1'000'000, language};
}

std::vector<std::string> idsOf(const JsonDocument& document) {
  std::vector<std::string> out;
  for (const JsonObject& stream : document.root().objects("streams")) out.push_back(stream.textOr("id"));
  return out;
}

}  // namespace

TEST_CASE("a stream is a row", "[daemon][stream]") {
  StreamInfo stream = makeStream("0123abcd", 192s);
  stream.resumes = 2;
  stream.migrations = 3;
  stream.repeatedBytes = 1234;
  stream.lostTime = 4100ms;
  stream.bytesSent = 34'000'000;
  stream.bytesReceived = 17;
  StreamInfo opening = makeStream("89abcdef", 300ms);
  opening.outbound = opening.attached = false;
  opening.carrier.clear();
  const std::vector<StreamInfo> streams{stream, makeStalled("45670123", 60s, 12'700ms), opening};
  CHECK(streamsText(written(streams).root(), Language::english, false) ==
        "ID        PEER:PORT  DIRECTION  STATE               CARRIED BY       AGE   SENT  RECEIVED  RESUMES  MIGRATED  REPEATED  LOST TIME\n"
        "45670123  B:3000     out        stalled for 12 s                 1 m 0 s    0 B       0 B        0         0       0 B      0.0 s\n"
        "89abcdef  B:3000     in         waits for the peer                 0.3 s    0 B       0 B        0         0       0 B      0.0 s\n"
        "0123abcd  B:3000     out        on its way          relay tcp   3 m 12 s  34 MB      17 B        2         3    1.2 kB      4.1 s\n");
  const std::string chinese = streamsText(written(streams, 3, Language::chinese).root(), Language::chinese, false);
  for (const char* word : {"已中断 12 s", "等待对方", "畅通", "发起", "接入", "客户端:端口"}) {
    CAPTURE(word, chinese);
    CHECK(chinese.find(word) != std::string::npos);
  }
}

TEST_CASE("the JSON of a stream has all that the library knows", "[daemon][stream]") {
  StreamInfo stream = makeStalled("0123abcd", 192s, 2s);
  stream.resumes = 1;
  stream.migrations = 6;
  stream.repeatedBytes = 2;
  stream.lostTime = 3s;
  stream.bytesSent = 4;
  stream.bytesReceived = 5;
  JsonWriter json;
  writeStreams(json, {stream}, Language::english);
  CHECK(json.finish() ==
        R"({"total":1,"stalled":1,"streams":[{"id":"0123abcd","peer":"B","port":3000,"direction":"out","state":"stalled",)"
        R"("stateText":"stalled for 2.0 s","stalledForMs":2000,"carrier":"","ageMs":192000,"bytesSent":4,"bytesReceived":5,"resumes":1,"migrations":6,"repeatedBytes":2,"lostTimeMs":3000}]})");
}

TEST_CASE("streams that are stalled come first, then the youngest", "[daemon][stream]") {
  const std::vector<StreamInfo> streams{makeStream("old", 9s), makeStalled("short", 1s, 1s), makeStream("young", 1s), makeStalled("long", 7s, 5s),
                                        makeStalled("just", 7s, 0s)};
  CHECK(idsOf(written(streams)) == std::vector<std::string>{"long", "short", "just", "young", "old"});

  const JsonDocument few = written(streams, 2);
  CHECK(idsOf(few) == std::vector<std::string>{"long", "short"});
  CHECK(few.root().numberOr("total") == 5);
  CHECK(few.root().numberOr("stalled") == 3);
  const std::string text = streamsText(few.root(), Language::english, false);
  CAPTURE(text);
  CHECK(text.find("2 of 5 streams; 3 are stalled\n") != std::string::npos);
  CHECK(streamsText(few.root(), Language::chinese, false).find("共 5 个流，显示 2 个；3 个中断\n") != std::string::npos);
}

TEST_CASE("no stream is said to be none", "[daemon][stream]") {
  const JsonDocument document = written({});
  CHECK(streamsText(document.root(), Language::english, false) == "no streams are open (connections without encryption are not among them)\n");
  CHECK(streamsText(document.root(), Language::chinese, false) == "没有打开的流（未加密的连接不在其中）\n");
}
