#include "daemon/transport_text.hpp"

#include "daemon/human_text.hpp"
#include "daemon/language.hpp"
#include "daemon/table.hpp"

namespace chuantou::daemon {

namespace {

constexpr Phrase kPeerColumn{"PEER", "客户端"};
constexpr Phrase kWayColumn{"WAY", "通路"};
constexpr Phrase kWhereColumn{"OVER", "经由"};
constexpr Phrase kStateColumn{"NOW", "当前"};
constexpr Phrase kLatencyColumn{"TOOK", "耗时"};
constexpr Phrase kSuccessesColumn{"WORKED", "成功"};
constexpr Phrase kFailuresColumn{"FAILED", "失败"};
constexpr Phrase kLastErrorColumn{"LAST FAILURE", "最近失败"};
constexpr Phrase kWorks{"works", "可用"};
constexpr Phrase kFails{"fails", "不可用"};

}  // namespace

std::string peerWaysText(const JsonObject& answer, Language language, bool colour, std::string_view peer) {
  const auto column = [&](const Phrase& title, Align align = Align::left) {
    return Table::Column{title.in(language), align};
  };
  Table table{{column(kPeerColumn), column(kWayColumn), column(kWhereColumn), column(kStateColumn),
               column(kLatencyColumn, Align::right), column(kSuccessesColumn, Align::right),
               column(kFailuresColumn, Align::right), column(kLastErrorColumn)}};
  for (const JsonObject& tried : answer.objects("peerWays")) {
    const std::string id = tried.textOr("id");
    if (!peer.empty() && id != peer) continue;
    for (const JsonObject& way : tried.objects("ways")) {
      const std::int64_t latency = way.numberOr("latencyUs");
      table.row({id, way.textOr("kind"), way.textOr("where"), (way.boolean("ok") ? kWorks : kFails).in(language),
                 latency > 0 ? humanRoundTrip(std::chrono::microseconds{latency}) : "",
                 std::to_string(way.numberOr("successes")), std::to_string(way.numberOr("failures")),
                 way.textOr("lastError")});
    }
  }
  return table.empty() ? "" : table.render(colour);
}

}  // namespace chuantou::daemon
