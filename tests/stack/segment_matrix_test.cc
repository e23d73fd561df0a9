// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The table of segment_matrix.h as Sockeye fills it (tests/golden/tcp_matrix.txt, a change of which is a
// change of behaviour), and where the kernel fills it otherwise (tests/golden/tcp_matrix_kernel.txt, each
// difference with its reason). UPDATE_GOLDEN=1 rewrites both. docs/theory/segments.md reviews them.
#include "stack/segment_matrix.h"

#include <gtest/gtest.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>

#include "stack/segment_matrix_differences.h"

namespace sockeye::matrix {
namespace {

const std::vector<Block>& ours() {
  static const std::vector<Block> blocks = [] {
    std::vector<Block> all;
    std::unique_ptr<Subject> subject;
    std::uint16_t peer_port = 1024;
    for (std::size_t i = 0; i < block_count(); ++i) {
      if (i % 8 == 0) subject = sockeye_host();
      all.push_back(run_block(*subject, i, peer_port, false));
    }
    return all;
  }();
  return blocks;
}

std::string golden_path(const char* name) {
  return std::string(SOCKEYE_SOURCE_DIR) + "/tests/golden/" + name;
}
bool update_golden(const char* name, const std::string& text) {
  if (std::getenv("UPDATE_GOLDEN") == nullptr) return false;
  std::ofstream(golden_path(name)) << text;
  return true;
}
std::string golden(const char* name) {
  std::ifstream file(golden_path(name));
  EXPECT_TRUE(file) << golden_path(name) << " is missing: run with UPDATE_GOLDEN=1";
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(Matrix, EveryStateFlagPlaceAndData) {
  ASSERT_EQ(ours().size(), block_count());
  const std::string table = table_of(ours());
  EXPECT_EQ(table.find("not reached"), std::string::npos);
  if (update_golden("tcp_matrix.txt", table)) return;
  EXPECT_EQ(table, golden("tcp_matrix.txt")) << "if that is right, run with UPDATE_GOLDEN=1";
}

// What no segment may do, whatever the table says.
TEST(Matrix, NoResetAndNoSynEndsAConnectionButAtTheNextNumber) {
  for (const Block& block : ours()) {
    if (block.place == "next" || block.state == "CLOSED" || block.state == "LISTEN") continue;
    if (block.state == "SYN-SENT" || block.state == "TIME-WAIT") continue;  // by the ACK; a SYN may reopen
    for (unsigned flags = 0; flags < kFlags; ++flags) {
      constexpr unsigned kSynOrRst = 6;
      const std::string& seen = block.outcomes[flags].seen;
      if ((flags & kSynOrRst) == 0) continue;
      EXPECT_EQ(seen.find("CLOSED"), std::string::npos)
          << block.state << ", " << block.place << ' ' << name_of_flags(flags) << ": " << seen;
    }
  }
}

// Is what the kernel says about this block no news? `known`: the golden file.
bool is_no_news(const Block& our, const Block& kernel, const std::string& known) {
  const Differences differences = compare({our}, {kernel});
  if (!differences.unexplained.empty()) return false;
  std::istringstream lines(differences.text);
  for (std::string line; std::getline(lines, line);)
    if (("\n" + known).find("\n" + line + "\n") == std::string::npos) return false;
  return true;
}

// The kernel answers in real time: on a busy machine a timer of its own may fall between a segment and our
// look (a repeated SYN-ACK after a second, a delayed ACK after 40 ms). A true difference is there each time,
// so news is asked for again before it is believed.
Block ask_kernel(Subject& subject, std::size_t i, std::uint16_t& peer_port, const std::string& known) {
  constexpr int kTries = 6;
  Block block;
  for (int attempt = 0; attempt < kTries; ++attempt) {
    block = run_block(subject, i, peer_port, true);
    if (is_no_news(ours()[i], block, known)) break;
  }
  return block;
}

// The kernel's table, by a child that enters the namespaces. Empty: `why` says what the machine has not.
std::vector<Block> kernels(std::string& why, const std::string& known) {
  (void)ours();  // before the fork: the child compares
  int ends[2];
  EXPECT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    std::string missing;
    std::string text;
    const auto subject = kernel_host(missing);
    if (!subject) text = "!" + missing + '\n';
    std::uint16_t peer_port = 1024;
    for (std::size_t i = 0; subject && i < block_count(); ++i)
      for (const Outcome& outcome : ask_kernel(*subject, i, peer_port, known).outcomes)
        text += outcome.seen + '\n';
    for (std::size_t done = 0; done < text.size();) {
      const ssize_t written = write(ends[1], text.data() + done, text.size() - done);
      if (written <= 0) break;
      done += static_cast<std::size_t>(written);
    }
    _exit(0);
  }
  close(ends[1]);
  std::string text;
  char part[65536];
  for (ssize_t got = 0; (got = read(ends[0], part, sizeof part)) > 0;)
    text.append(part, static_cast<std::size_t>(got));
  close(ends[0]);
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0) << "the kernel did not answer";
  if (!text.empty() && text[0] == '!') {
    why = text.substr(1);
    return {};
  }
  std::vector<Block> blocks = ours();
  std::istringstream lines(text);
  for (Block& block : blocks)
    for (Outcome& outcome : block.outcomes) EXPECT_TRUE(std::getline(lines, outcome.seen));
  return blocks;
}

// Skipped where the machine has no user and network namespaces or no TUN device.
TEST(Matrix, AgreesWithTheKernel) {
  std::string why;
  const std::string known = std::getenv("UPDATE_GOLDEN") ? "" : golden("tcp_matrix_kernel.txt");
  const std::vector<Block> kernel = kernels(why, known);
  if (kernel.empty()) GTEST_SKIP() << why;
  const Differences differences = compare(ours(), kernel);
  EXPECT_EQ(differences.unexplained, "");
  if (update_golden("tcp_matrix_kernel.txt", differences.text)) return;
  // Other kernels may differ less, so only what the list does not have is wrong.
  std::istringstream lines(differences.text);
  for (std::string line; std::getline(lines, line);)
    EXPECT_NE(("\n" + known).find("\n" + line + "\n"), std::string::npos) << "not in the list: " << line;
}

}  // namespace
}  // namespace sockeye::matrix
