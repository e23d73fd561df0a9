// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The agent with real programs and a world of kernel sockets: what a program prints must not depend on
// whether it runs under the gate. (Real time and real processes: the kernel has no virtual clock.)
#include "gate/agent.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "gate/kernel_world.h"

namespace sockeye::gate {
namespace {

struct Outcome {
  int status = -1;
  std::string output{};
};

std::string program(const char* name) {
  return std::string(SOCKEYE_PROGRAMS) + "/gate_" + name;
}

std::string read_all(int fd) {
  std::string text;
  char part[4096];
  for (ssize_t n; (n = read(fd, part, sizeof(part))) > 0;) text.append(part, static_cast<std::size_t>(n));
  return text;
}

// A child process whose standard output (and error, if wanted) is read to its end.
template <class Body>
Outcome in_child(Body body, bool with_errors = false) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) std::abort();
  pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDOUT_FILENO);
    if (with_errors) dup2(ends[1], STDERR_FILENO);
    _exit(body());
  }
  close(ends[1]);
  Outcome outcome;
  outcome.output = read_all(ends[0]);
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  outcome.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return outcome;
}

Outcome native(const std::vector<std::string>& command) {
  return in_child([&] {
    std::vector<char*> arguments;
    for (const std::string& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
    arguments.push_back(nullptr);
    execvp(arguments[0], arguments.data());
    return 127;
  });
}

class Agent : public testing::Test {
 protected:
  AgentOptions options(std::vector<std::string> command) {
    AgentOptions options;
    options.command = std::move(command);
    options.session = world_.connect();
    return options;
  }
  Outcome under_gate(AgentOptions options, bool with_errors = false) {
    int session = options.session;
    Outcome outcome = in_child([&] { return run_agent(std::move(options)); }, with_errors);
    close(session);
    return outcome;
  }
  Outcome under_gate(std::vector<std::string> command) { return under_gate(options(std::move(command))); }

  KernelWorld world_;
};

TEST_F(Agent, GivesTheStatusOfTheCommand) {
  EXPECT_EQ(under_gate({"sh", "-c", "exit 7"}).status, 7);
  EXPECT_EQ(under_gate({"sh", "-c", "kill -TERM $$"}).status, 128 + SIGTERM);
  EXPECT_EQ(under_gate({"/nonexistent/program"}).status, 127);
  EXPECT_EQ(under_gate({"/etc/passwd"}).status, 126);
}

TEST_F(Agent, EndsWithTheLastTaskNotWithTheCommand) {
  Outcome outcome = under_gate({"sh", "-c", "(sleep 0.2; echo late) & exit 3"});
  EXPECT_EQ(outcome.output, "late\n");
  EXPECT_EQ(outcome.status, 3);
}

TEST_F(Agent, EndsTheTreeWhenAsked) {
  AgentOptions wanted = options({"sh", "-c", "(setsid sh -c 'trap \"\" TERM; sleep 100; true') & exit 3"});
  wanted.end_with_command = true;
  EXPECT_EQ(under_gate(std::move(wanted)).status, 3);
}

TEST_F(Agent, ForwardsTermAndKillsWhoDoesNotListen) {
  AgentOptions wanted = options({"sh", "-c", "trap '' TERM; kill -TERM $PPID; while :; do sleep 0.05; done"});
  wanted.kill_after = std::chrono::milliseconds(100);
  EXPECT_EQ(under_gate(std::move(wanted)).status, 128 + SIGKILL);
  EXPECT_EQ(
      under_gate({"sh", "-c", "trap 'exit 9' TERM; kill -TERM $PPID; while :; do sleep 0.05; done"}).status,
      9);
}

TEST_F(Agent, ReportsWhatWasRefused) {
  AgentOptions wanted = options({program("stream"), "wild"});
  wanted.report = true;
  Outcome outcome = under_gate(std::move(wanted), true);
  EXPECT_NE(outcome.output.find("asked for and refused:"), std::string::npos) << outcome.output;
  EXPECT_NE(outcome.output.find("socket AF_INET SOCK_STREAM protocol 17: EPROTONOSUPPORT"),
            std::string::npos);
}

TEST_F(Agent, AProgramWithoutSocketsDoesNotReachTheWorld) {
  EXPECT_EQ(under_gate({"sh", "-c", "cat /proc/self/status | grep -c Seccomp:"}).output, "1\n");
  EXPECT_EQ(world_.count(RequestCode::socket), 0);
}

TEST_F(Agent, WhenTheWorldEndsCallsFailAtOnce) {
  AgentOptions wanted = options({program("stream"), "timeouts"});
  world_.die();
  Outcome outcome = under_gate(std::move(wanted), true);
  EXPECT_NE(outcome.output.find("Network is down"), std::string::npos) << outcome.output;
}

class Programs : public Agent, public testing::WithParamInterface<const char*> {};

TEST_P(Programs, PrintWhatTheyPrintOnTheKernel) {
  std::string name = GetParam();
  std::size_t slash = name.find('/');
  std::vector<std::string> command{program(name.substr(0, slash).c_str()), name.substr(slash + 1)};
  Outcome expected = native(command);
  Outcome outcome = under_gate(command);
  EXPECT_EQ(outcome.output, expected.output);
  EXPECT_EQ(outcome.status, expected.status);
  EXPECT_EQ(expected.status, 0);
}

std::string parameter_name(const testing::TestParamInfo<const char*>& info) {
  std::string name = info.param;
  name[name.find('/')] = '_';
  return name;
}

INSTANTIATE_TEST_SUITE_P(Stream, Programs,
                         testing::Values("stream/unconnected", "stream/refused", "stream/refused_nonblocking",
                                         "stream/connect_nonblocking", "stream/half_close", "stream/reset",
                                         "stream/accepting", "stream/binding", "stream/options",
                                         "stream/timeouts", "stream/moving", "stream/wild"),
                         parameter_name);
INSTANTIATE_TEST_SUITE_P(Process, Programs,
                         testing::Values("process/duplicates", "process/forked", "process/executed",
                                         "process/passed", "process/killed", "process/killed_listener",
                                         "process/threads", "process/mixed_epoll", "process/edges",
                                         "process/stdio", "process/no_descriptors"),
                         parameter_name);
INSTANTIATE_TEST_SUITE_P(Datagram, Programs,
                         testing::Values("datagram/addressed", "datagram/large", "datagram/connecting",
                                         "datagram/waiting", "datagram/six"),
                         parameter_name);

// Rate of signals, and whether interrupted calls restart.
class Storm : public Agent, public testing::WithParamInterface<std::pair<const char*, const char*>> {};

TEST_P(Storm, LosesNoResult) {
  auto [rate, restart] = GetParam();
  Outcome outcome = under_gate({program("storm"), rate, "60", restart});
  EXPECT_EQ(outcome.output, "0 wrong\n");
  EXPECT_EQ(outcome.status, 0);
}

INSTANTIATE_TEST_SUITE_P(Rates, Storm,
                         testing::Values(std::pair{"1000", "1"}, std::pair{"1000", "0"},
                                         std::pair{"16000", "1"}, std::pair{"16000", "0"}));

}  // namespace
}  // namespace sockeye::gate
