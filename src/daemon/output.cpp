#include "daemon/output.hpp"

#include <cstdio>
#include <string>

namespace chuantou::daemon {

namespace {

void put(std::FILE* stream, std::string_view text) {
  (void)std::fwrite(text.data(), 1, text.size(), stream);
  (void)std::fflush(stream);
}

}  // namespace

void printLine(std::string_view line) { put(stdout, std::string{line} + "\n"); }
void printError(std::string_view line) { put(stderr, std::string{line} + "\n"); }
void printText(std::string_view text) { put(stdout, text); }

}  // namespace chuantou::daemon
