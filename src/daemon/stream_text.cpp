#include "daemon/stream_text.hpp"

#include "daemon/human_text.hpp"
#include "daemon/language.hpp"
#include "daemon/proxy_text.hpp"
#include "daemon/table.hpp"

namespace chuantou::daemon {

namespace {

using std::chrono::milliseconds;

constexpr Phrase kIdColumn{"ID", "标识"};
constexpr Phrase kServiceColumn{"PEER:PORT", "客户端:端口"};
constexpr Phrase kDirectionColumn{"DIRECTION", "方向"};
constexpr Phrase kStateColumn{"STATE", "状态"};
constexpr Phrase kCarrierColumn{"CARRIED BY", "通路"};
constexpr Phrase kAgeColumn{"AGE", "已存在"};
constexpr Phrase kSentColumn{"SENT", "发送"};
constexpr Phrase kReceivedColumn{"RECEIVED", "接收"};
constexpr Phrase kResumesColumn{"RESUMES", "恢复次数"};
constexpr Phrase kMigrationsColumn{"MIGRATED", "迁移次数"};
constexpr Phrase kRepeatedColumn{"REPEATED", "重发"};
constexpr Phrase kLostColumn{"LOST TIME", "中断时间"};
constexpr Phrase kOut{"out", "发起"};
constexpr Phrase kIn{"in", "接入"};
constexpr Phrase kNone{"no streams are open (connections without encryption are not among them)",
                       "没有打开的流（未加密的连接不在其中）"};
constexpr Phrase kMore{"{0} of {1} streams; {2} are stalled", "共 {1} 个流，显示 {0} 个；{2} 个中断"};

std::string duration(const JsonObject& stream, const char* key) {
  return humanDuration(milliseconds{stream.numberOr(key)});
}

std::string bytes(const JsonObject& stream, const char* key) {
  return humanBytes(static_cast<std::uint64_t>(stream.numberOr(key)));
}

}  // namespace

std::string streamsText(const JsonObject& answer, Language language, bool colour) {
  const auto column = [&](const Phrase& title, Align align = Align::left) {
    return Table::Column{title.in(language), align};
  };
  Table table{{column(kIdColumn), column(kServiceColumn), column(kDirectionColumn), column(kStateColumn),
               column(kCarrierColumn), column(kAgeColumn, Align::right), column(kSentColumn, Align::right),
               column(kReceivedColumn, Align::right), column(kResumesColumn, Align::right),
               column(kMigrationsColumn, Align::right), column(kRepeatedColumn, Align::right),
               column(kLostColumn, Align::right)}};
  const auto streams = answer.objects("streams");
  for (const JsonObject& stream : streams) {
    const auto port = static_cast<std::uint16_t>(stream.numberOr("port"));
    const Phrase& direction = stream.textOr("direction") == "out" ? kOut : kIn;
    table.row({stream.textOr("id"), hostPort(stream.textOr("peer"), port), direction.in(language),
               stream.textOr("stateText"), stream.textOr("carrier"), duration(stream, "ageMs"),
               bytes(stream, "bytesSent"), bytes(stream, "bytesReceived"), std::to_string(stream.numberOr("resumes")),
               std::to_string(stream.numberOr("migrations")), bytes(stream, "repeatedBytes"),
               duration(stream, "lostTimeMs")});
  }
  if (table.empty()) return say(language, kNone) + "\n";
  const std::int64_t total = answer.numberOr("total");
  std::string text = table.render(colour);
  if (static_cast<std::size_t>(total) > streams.size())
    text += say(language, kMore, streams.size(), total, answer.numberOr("stalled")) + "\n";
  return text;
}

}  // namespace chuantou::daemon
