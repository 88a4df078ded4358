#include "wire/first_bytes.hpp"

#include <catch2/catch.hpp>

#include "support/bytes.hpp"

using namespace chuantou;
using namespace chuantou::wire;
using test::bytes;
using test::bytesOf;

TEST_CASE("what a connection is, all at once and one byte at a time", "[wire][first_bytes]") {
  struct Row {
    std::vector<std::uint8_t> bytes;
    FirstBytes what;
    std::size_t decidedAfter;  ///< bytes
  };
  const Row rows[] = {
      {bytesOf("GET / HTTP/1.1\r\n"), FirstBytes::http, 1},
      {bytesOf("POST /api HTTP/1.1\r\n"), FirstBytes::http, 1},
      {bytesOf("A"), FirstBytes::http, 1},
      {bytesOf("Z"), FirstBytes::http, 1},
      {bytes("fd 01 000102030405060708090a0b0c0d0e0f"), FirstBytes::data, 2},
      {bytes("fd 01"), FirstBytes::data, 2},
      {bytes("fd"), FirstBytes::more, 9},
      {bytes("16"), FirstBytes::more, 9},
      {bytes("16 03 01 02 00"), FirstBytes::tls, 2},
      {bytes("fd 02"), FirstBytes::garbage, 2},
      {bytes("fd 03"), FirstBytes::garbage, 2},
      {bytes("fd 00"), FirstBytes::garbage, 2},
      {bytes("16 01"), FirstBytes::garbage, 2},
      {bytes("16 02"), FirstBytes::garbage, 2},
      {bytesOf("get / HTTP/1.1"), FirstBytes::garbage, 1},
      {bytesOf("SSH-2.0-OpenSSH"), FirstBytes::http, 1},  // an upper-case letter; the HTTP parser refuses it
      {bytesOf("@"), FirstBytes::garbage, 1},
      {bytesOf("["), FirstBytes::garbage, 1},
      {bytesOf("\r\n"), FirstBytes::garbage, 1},
      {bytesOf(" GET"), FirstBytes::garbage, 1},
      {bytes("00"), FirstBytes::garbage, 1},
      {bytes("ff"), FirstBytes::garbage, 1},
      {bytes("01 fd"), FirstBytes::garbage, 1},
      {bytes("80 00 00 00"), FirstBytes::garbage, 1},
      {{}, FirstBytes::more, 9},
  };
  for (const Row& row : rows) {
    INFO(toHex(row.bytes));
    CHECK(classify(row.bytes) == row.what);
    for (std::size_t n = 0; n <= row.bytes.size(); ++n) {
      const FirstBytes soFar = classify(std::span{row.bytes}.first(n));
      CHECK(soFar == (n < row.decidedAfter ? FirstBytes::more : row.what));
    }
  }
}

TEST_CASE("every first pair of bytes is decided, and as the table of the protocol says", "[wire][first_bytes]") {
  for (unsigned first = 0; first < 256; ++first) {
    for (unsigned second = 0; second < 256; ++second) {
      const std::uint8_t pair[] = {static_cast<std::uint8_t>(first), static_cast<std::uint8_t>(second)};
      FirstBytes expected = FirstBytes::garbage;
      if (first >= 'A' && first <= 'Z') expected = FirstBytes::http;
      if (first == 0xfd && second == 0x01) expected = FirstBytes::data;
      if (first == 0x16 && second == 0x03) expected = FirstBytes::tls;
      if (classify(pair) != expected) FAIL(first << " " << second);
      const FirstBytes one = classify(std::span{pair}.first(1));
      if (one != FirstBytes::more && one != expected) FAIL(first << " alone");
    }
  }
}

TEST_CASE("the preface of a data channel", "[wire][first_bytes]") {
  const auto key = *DataKey::parse("000102030405060708090a0b0c0d0e0f");
  const auto preface = encodePreface(key);
  //                              magic | key
  CHECK(toHex(preface) == toHex(bytes("fd 01 | 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f")));
  CHECK(preface.size() == 18);
  CHECK(classify(preface) == FirstBytes::data);
  CHECK(decodePreface(preface) == key);
}
