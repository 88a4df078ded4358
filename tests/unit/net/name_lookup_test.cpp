#include "net/name_lookup.hpp"

#include <catch2/catch.hpp>

using namespace chuantou;
using namespace chuantou::net;

TEST_CASE("addresses and localhost are answered without asking anybody, and later", "[net][name_lookup]") {
  asio::io_context context;
  NameLookup names{context};
  std::vector<std::string> got;
  for (const char* name : {"192.0.2.1", "2001:db8::1", "localhost"}) {
    names.find(name, [&](const ErrorCode& ec, const auto& addresses) {
      CHECK_FALSE(ec);
      for (const asio::ip::address& address : addresses) got.push_back(address.to_string());
    });
  }
  CHECK(got.empty());
  context.run();
  CHECK(got == std::vector<std::string>{"192.0.2.1", "2001:db8::1", "127.0.0.1", "::1"});
}

TEST_CASE("what was given up is not answered", "[net][name_lookup]") {
  asio::io_context context;
  bool answered = false;
  {
    NameLookup names{context};
    names.find("192.0.2.1", [&](const ErrorCode&, const auto&) { answered = true; });
  }
  context.run();
  CHECK_FALSE(answered);
}
