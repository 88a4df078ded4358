// Lines to the person or script that started the program.
#pragma once

#include <string_view>

namespace chuantou::daemon {

/// To stdout, at once and whole, also into a pipe. A reader that has gone is no error: the program has other work.
void printLine(std::string_view line);
/// To stderr.
void printError(std::string_view line);
/// Text that ends its own lines, to stdout.
void printText(std::string_view text);

}  // namespace chuantou::daemon
