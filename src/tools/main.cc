// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
#include "tools/commands.h"

namespace {

struct Dispatch {
  int operator()(const sockeye::tools::Finished& finished) const { return finished.status; }
  int operator()(const sockeye::tools::RunCommand& command) const { return sockeye::tools::run(command); }
  int operator()(const sockeye::tools::PairCommand& command) const { return sockeye::tools::pair(command); }
  int operator()(const sockeye::tools::SsCommand& command) const { return sockeye::tools::ss(command); }
  int operator()(const sockeye::tools::DownCommand& command) const { return sockeye::tools::down(command); }
};

}  // namespace

int main(int argc, char** argv) {
  return std::visit(Dispatch{}, sockeye::tools::parse_command_line(argc, argv));
}
