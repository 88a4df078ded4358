#include "base/log.hpp"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

using namespace chuantou;

namespace {

std::string written(std::string_view text) {
  std::string out;
  const Logger logger{[&](LogLevel, std::string_view, std::string_view line) { out = line; }, LogLevel::trace,
                      Language::english};
  logger.log(LogLevel::info, "test", "{}", text);
  return out;
}

}  // namespace

TEST_CASE("a line stays a line, and no terminal obeys it", "[base][log]") {
  struct Row {
    std::string_view in;
    std::string_view out;
  };
  const Row rows[] = {
      {"", ""},
      {"plain text ~", "plain text ~"},
      {"客户端 B 已上线 — é 😀", "客户端 B 已上线 — é 😀"},
      {"two\nlines\r\n", "two\\x0alines\\x0d\\x0a"},
      {"\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"},
      {"bell\a tab\t del\x7f", "bell\\x07 tab\\x09 del\\x7f"},
      {std::string_view{"nul\0end", 7}, "nul\\x00end"},
      {"csi \xc2\x9b"
       "31m",
       "csi \\xc2\\x9b31m"},  // U+009B is ESC [ in one character
      {"nel \xc2\x85 nbsp \xc2\xa0", "nel \\xc2\\x85 nbsp \xc2\xa0"},
      {"line \xe2\x80\xa8 bidi \xe2\x80\xae", "line \\xe2\\x80\\xa8 bidi \\xe2\\x80\\xae"},
      {"broken \xff\xc3", "broken \\xff\\xc3"},
      {"cut \xe5\xae", "cut \\xe5\\xae"},
      {"overlong \xc0\x8a", "overlong \\xc0\\x8a"},
      {"overlong \xe0\x80\x8a", "overlong \\xe0\\x80\\x8a"},
      {"surrogate \xed\xa0\x80", "surrogate \\xed\\xa0\\x80"},
      {"beyond \xf4\x90\x80\x80", "beyond \\xf4\\x90\\x80\\x80"},
      {"no lead \xf9\x80\x80\x80", "no lead \\xf9\\x80\\x80\\x80"},
      {"raw \x9b"
       "31m",
       "raw \\x9b31m"},
  };
  for (const Row& row : rows) CHECK(written(row.in) == row.out);
}

TEST_CASE("levels", "[base][log]") {
  std::vector<std::string> lines;
  const LogSink sink = [&](LogLevel, std::string_view component, std::string_view line) {
    lines.push_back(std::string{component} + ": " + std::string{line});
  };
  const Logger logger{sink, LogLevel::warn, Language::english};
  logger.log(LogLevel::info, "a", "no");
  logger.log(LogLevel::warn, "a", "yes {}", 1);
  logger.log(LogLevel::error, "b", "yes {}", 2);
  CHECK(lines == std::vector<std::string>{"a: yes 1", "b: yes 2"});
  CHECK_FALSE(logger.enabled(LogLevel::debug));

  const Logger off{sink, LogLevel::off, Language::english};
  off.log(LogLevel::error, "c", "no");
  CHECK(lines.size() == 2);
  const Logger none;
  none.log(LogLevel::error, "c", "no");
  CHECK_FALSE(none.enabled(LogLevel::error));
  const Logger noSink{{}, LogLevel::trace, Language::english};
  CHECK_FALSE(noSink.enabled(LogLevel::error));
}

TEST_CASE("an error is written in the log's language", "[base][log]") {
  std::string line;
  const LogSink sink = [&](LogLevel, std::string_view, std::string_view text) { line = text; };
  const Error error{Errc::peer_offline, "B"};
  Logger{sink, LogLevel::info, Language::english}.error(LogLevel::info, "control", error);
  CHECK(line == error.message(Language::english));
  Logger{sink, LogLevel::info, Language::chinese}.error(LogLevel::info, "control", error);
  CHECK(line == error.message(Language::chinese));
}
