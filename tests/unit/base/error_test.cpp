#include "chuantou/error.hpp"

#include <catch2/catch.hpp>
#include <set>
#include <vector>

#include "base/error_text.hpp"

using namespace chuantou;

namespace {

/// Every code. One that is added to Errc and not here does not compile (-Wswitch), so that the tests stay whole.
bool isCode(int number) {
  switch (static_cast<Errc>(number)) {
    case Errc::ok:
    case Errc::stopped:
    case Errc::timed_out:
    case Errc::invalid_argument:
    case Errc::port_in_use:
    case Errc::permission_denied:
    case Errc::address_unavailable:
    case Errc::server_unreachable:
    case Errc::connection_lost:
    case Errc::name_not_found:
    case Errc::bad_config:
    case Errc::too_many_open_files:
    case Errc::already_exists:
    case Errc::not_found:
    case Errc::not_running:
    case Errc::system_error:
    case Errc::peer_key_changed:
    case Errc::certificate_rejected:
    case Errc::proxy_refused:
    case Errc::identity_required:
    case Errc::name_taken:
    case Errc::encryption_required:
    case Errc::protocol_error:
    case Errc::version_mismatch:
    case Errc::auth_required:
    case Errc::auth_failed:
    case Errc::unknown_peer:
    case Errc::peer_offline:
    case Errc::target_refused:
    case Errc::target_unreachable:
    case Errc::not_allowed:
    case Errc::limit_reached:
    case Errc::kicked:
    case Errc::session_unknown:
    case Errc::unknown_type:
      return true;
  }
  return false;
}

std::vector<Errc> allCodes() {
  std::vector<Errc> out;
  for (int number = 0; number < 1000; ++number) {
    if (isCode(number)) out.push_back(static_cast<Errc>(number));
  }
  return out;
}

bool contains(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

bool isAscii(const std::string& text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) >= 0x80) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("every code has a sentence of its own in both languages", "[base][error]") {
  std::set<std::string> english;
  std::set<std::string> chinese;
  for (const Errc code : allCodes()) {
    INFO("code " << static_cast<int>(code));
    const std::string en = errorSentence(code, "SUBJECT", "DETAIL", Language::english);
    const std::string zh = errorSentence(code, "SUBJECT", "DETAIL", Language::chinese);
    CHECK(isAscii(en));
    CHECK_FALSE(isAscii(zh));
    CHECK(english.insert(en).second);
    CHECK(chinese.insert(zh).second);
    CHECK(contains(en, "SUBJECT") == (code != Errc::ok));
    CHECK(contains(zh, "SUBJECT") == (code != Errc::ok));
    const bool noDetail = code == Errc::ok || code == Errc::stopped || code == Errc::auth_required;
    CHECK(contains(en, "DETAIL") == !noDetail);
    CHECK(contains(zh, "DETAIL") == !noDetail);
    for (const std::string& sentence : {en, zh}) {
      CHECK_FALSE(contains(sentence, "{"));
      CHECK_FALSE(contains(sentence, "}"));
      CHECK_FALSE(contains(sentence, "  "));
    }
  }
}

TEST_CASE("a sentence without subject or detail is still whole", "[base][error]") {
  for (const Errc code : allCodes()) {
    INFO("code " << static_cast<int>(code));
    for (const Language language : {Language::english, Language::chinese}) {
      const std::string sentence = errorSentence(code, "", "", language);
      CHECK_FALSE(sentence.empty());
      CHECK_FALSE(contains(sentence, ": ;"));
      CHECK(sentence.back() != ' ');
      CHECK(sentence.back() != ':');
    }
    CHECK(make_error_code(code).message() == errorSentence(code, "", "", Language::english));
  }
}

TEST_CASE("the sentences that users meet most, word for word", "[base][error]") {
  struct Row {
    Errc code;
    const char* subject;
    const char* detail;
    const char* english;
    const char* chinese;
  };
  const Row rows[] = {
      {Errc::port_in_use, "8080", "", "port 8080 is in use; choose another with --local-port",
       "端口 8080 已被占用；请用 --local-port 指定其他端口"},
      {Errc::port_in_use, "8200", "--port", "port 8200 is in use; choose another with --port",
       "端口 8200 已被占用；请用 --port 指定其他端口"},
      {Errc::unknown_peer, "B", "", "no client \"B\" is known to the server; ctc clients lists those that are",
       "服务器不认识客户端 \"B\"；用 ctc clients 查看在线的客户端"},
      {Errc::peer_offline, "B", "since noon",
       "client \"B\" is offline: since noon; start ctc there, or wait for it to come back",
       "客户端 \"B\" 不在线：since noon；请在那里启动 ctc，或等待它恢复"},
      {Errc::target_refused, "B:3000", "", "nothing listens on B:3000; start the service there",
       "B:3000 没有服务在监听；请先启动那里的服务"},
      {Errc::connection_lost, "the server", "", "the connection to the server was lost", "与 the server 的连接已断开"},
  };
  for (const Row& row : rows) {
    const Error error{row.code, row.subject, row.detail};
    CHECK(error.what() == std::string{row.english});
    CHECK(error.message(Language::english) == row.english);
    CHECK(error.message(Language::chinese) == row.chinese);
    CHECK(error.errc() == row.code);
    CHECK(error.code() == row.code);
    CHECK(error.subject() == row.subject);
    CHECK(error.detail() == row.detail);
  }
}

TEST_CASE("subjects and details from the network are no format strings", "[base][error]") {
  for (const Errc code : allCodes()) {
    if (code == Errc::ok) continue;
    for (const char* hostile : {"{}", "{0}{1}{2}{3}", "{", "}", "%s%n", "{:999999999}"}) {
      const Error error{code, hostile, hostile};
      CHECK(contains(error.what(), hostile));
    }
  }
}

TEST_CASE("names on the wire", "[base][error]") {
  struct Row {
    Errc code;
    const char* name;
  };
  const Row rows[] = {
      {Errc::timed_out, "timed_out"},
      {Errc::invalid_argument, "bad_id"},
      {Errc::protocol_error, "protocol_error"},
      {Errc::version_mismatch, "version_mismatch"},
      {Errc::auth_required, "auth_required"},
      {Errc::auth_failed, "auth_failed"},
      {Errc::unknown_peer, "unknown_peer"},
      {Errc::peer_offline, "peer_offline"},
      {Errc::target_refused, "target_refused"},
      {Errc::target_unreachable, "target_unreachable"},
      {Errc::not_allowed, "not_allowed"},
      {Errc::limit_reached, "limit_reached"},
      {Errc::kicked, "kicked"},
      {Errc::session_unknown, "session_unknown"},
      {Errc::unknown_type, "unknown_type"},
      {Errc::identity_required, "identity_required"},
      {Errc::name_taken, "name_taken"},
      {Errc::encryption_required, "encryption_required"},
  };
  std::set<Errc> onTheWire;
  for (const Row& row : rows) {
    onTheWire.insert(row.code);
    CHECK(wireName(row.code) == row.name);
    CHECK(fromWireName(row.name) == row.code);
  }
  for (const Errc code : allCodes()) {
    INFO("code " << static_cast<int>(code));
    CHECK(wireName(code).empty() == (onTheWire.count(code) == 0));
    if (static_cast<int>(code) >= 100) CHECK(onTheWire.count(code) == 1);
  }
  for (const char* unknown : {"", "a_newer_code", "KICKED", "kicked ", "ok"}) {
    CHECK(fromWireName(unknown) == Errc::protocol_error);
  }
}

TEST_CASE("numbers on the wire", "[base][error]") {
  // docs/PROTOCOL.md, section 5.
  CHECK(static_cast<int>(Errc::protocol_error) == 100);
  CHECK(static_cast<int>(Errc::target_refused) == 106);
  CHECK(static_cast<int>(Errc::target_unreachable) == 107);
  CHECK(static_cast<int>(Errc::not_allowed) == 108);
  CHECK(static_cast<int>(Errc::limit_reached) == 109);
  for (unsigned number = 0; number <= 0xffff; ++number) {
    const bool known = number >= 100 && isCode(static_cast<int>(number));
    if (fromWireNumber(number) != (known ? static_cast<Errc>(number) : Errc::protocol_error)) FAIL("number " << number);
  }
}

TEST_CASE("every failure is either retryable or fatal", "[base][error]") {
  const std::set<Errc> retryable{Errc::timed_out,      Errc::server_unreachable,  Errc::connection_lost,
                                 Errc::name_not_found, Errc::too_many_open_files, Errc::not_running,
                                 Errc::system_error,   Errc::unknown_peer,        Errc::peer_offline,
                                 Errc::target_refused, Errc::target_unreachable,  Errc::limit_reached,
                                 Errc::session_unknown, Errc::proxy_refused};
  for (const Errc code : allCodes()) {
    INFO("code " << static_cast<int>(code));
    const std::error_code ec = code;
    CHECK((ec == ErrorCondition::retryable) == (retryable.count(code) == 1));
    CHECK((ec == ErrorCondition::fatal) == (code != Errc::ok && retryable.count(code) == 0));
    CHECK(static_cast<bool>(ec) == (code != Errc::ok));
  }
  CHECK(std::make_error_code(std::errc::timed_out) !=
        ErrorCondition::retryable);  // another category's codes are not sorted
  CHECK(std::string{error_category().name()} == "chuantou");
  CHECK_FALSE(make_error_condition(ErrorCondition::fatal).message().empty());
  CHECK(make_error_condition(ErrorCondition::fatal).message() !=
        make_error_condition(ErrorCondition::retryable).message());
}

TEST_CASE("a number that is no code still has a sentence", "[base][error]") {
  for (const int number : {-1, 16, 99, 5000}) {
    CHECK_FALSE(error_category().message(number).empty());
    CHECK(wireName(static_cast<Errc>(number)).empty());
  }
}
