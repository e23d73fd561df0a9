// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// Worlds of a few lines: they answer one packet with their name and end when their agents have gone.
#include "world/rendezvous.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

namespace sockeye::world {
namespace {

class Rendezvous : public testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/sockeye-test-XXXXXX";
    directory = std::string(::mkdtemp(pattern)) + "/worlds";
  }
  void TearDown() override {
    const std::string command = "rm -rf " + directory.substr(0, directory.rfind('/'));
    EXPECT_EQ(std::system(command.c_str()), 0);
  }

  // A world that serves until its last agent has hung up; without sandbox it says its pid.
  static int serve(WorldStart start) {
    std::vector<UniqueFd> agents = std::move(start.agents);
    do {
      std::vector<pollfd> fds;
      for (const UniqueFd& agent : agents) fds.push_back({agent.get(), POLLIN, 0});
      if (start.listener) fds.push_back({start.listener.get(), POLLIN, 0});
      if (::poll(fds.data(), fds.size(), 10'000) <= 0) return 1;
      for (std::size_t i = agents.size(); i-- > 0;) {
        if (fds[i].revents == 0) continue;
        char request[64];
        const ssize_t size = ::recv(agents[i].get(), request, sizeof request, 0);
        if (size <= 0) {
          agents.erase(agents.begin() + static_cast<std::ptrdiff_t>(i));
          continue;
        }
        if (std::string_view(request, static_cast<std::size_t>(size)) == "die") {
          ::dprintf(2, "famous last words");
          ::_exit(1);
        }
        const std::string answer = start.name + "/" + std::to_string(::getpid());
        ::send(agents[i].get(), answer.data(), answer.size(), MSG_NOSIGNAL);
      }
      if (start.listener && fds.back().revents != 0)
        agents.emplace_back(::accept4(start.listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    } while (!agents.empty());
    return 0;
  }

  std::variant<Connections, RendezvousError> meet(const std::string& name, bool may_start = true,
                                                  std::size_t connections = 1) const {
    RendezvousOptions options;
    options.world = name;
    options.directory = directory;
    options.may_start = may_start;
    options.sandbox = false;
    options.connections = connections;
    return connect_or_start(options, serve);
  }

  static std::string ask(const UniqueFd& agent) {
    ::send(agent.get(), "?", 1, MSG_NOSIGNAL);
    char answer[64];
    const ssize_t size = ::recv(agent.get(), answer, sizeof answer, 0);
    return {answer, static_cast<std::size_t>(std::max<ssize_t>(0, size))};
  }

  std::string directory;
};

#define ASSERT_CONNECTED(result) \
  ASSERT_TRUE(std::holds_alternative<Connections>(result)) << std::get<RendezvousError>(result).sentence

TEST_F(Rendezvous, two_that_name_one_world_meet_there) {
  auto first = meet("demo");
  ASSERT_CONNECTED(first);
  EXPECT_TRUE(std::get<Connections>(first).started);
  auto second = meet("demo");
  ASSERT_CONNECTED(second);
  EXPECT_FALSE(std::get<Connections>(second).started);
  const std::string answer = ask(std::get<Connections>(first).fds[0]);
  EXPECT_EQ(answer.substr(0, 5), "demo/");
  EXPECT_EQ(ask(std::get<Connections>(second).fds[0]), answer);
}

TEST_F(Rendezvous, worlds_of_other_names_are_other_worlds) {
  auto first = meet("a"), second = meet("b");
  ASSERT_CONNECTED(first);
  ASSERT_CONNECTED(second);
  EXPECT_NE(ask(std::get<Connections>(first).fds[0]), ask(std::get<Connections>(second).fds[0]));
  auto names = list_worlds(directory);
  ASSERT_TRUE(std::holds_alternative<std::vector<std::string>>(names));
  EXPECT_EQ(std::get<std::vector<std::string>>(names), (std::vector<std::string>{"a", "b"}));
}

TEST_F(Rendezvous, private_worlds_are_never_shared_and_have_no_file) {
  auto first = meet("", true, 2), second = meet("");
  ASSERT_CONNECTED(first);
  ASSERT_CONNECTED(second);
  const auto& fds = std::get<Connections>(first).fds;
  ASSERT_EQ(fds.size(), 2U);
  EXPECT_EQ(ask(fds[0]), ask(fds[1]));
  EXPECT_NE(ask(fds[0]), ask(std::get<Connections>(second).fds[0]));
  EXPECT_NE(::access(directory.c_str(), F_OK), 0);
}

TEST_F(Rendezvous, an_absent_world_is_an_error_for_who_may_not_start_it) {
  auto result = meet("nobody", false);
  ASSERT_TRUE(std::holds_alternative<RendezvousError>(result));
  EXPECT_EQ(std::get<RendezvousError>(result).sentence, "there is no world named nobody");
}

TEST_F(Rendezvous, the_socket_of_a_world_that_was_killed_is_cleared_away) {
  auto first = meet("demo");
  ASSERT_CONNECTED(first);
  const std::string answer = ask(std::get<Connections>(first).fds[0]);
  ASSERT_EQ(::kill(std::stoi(answer.substr(5)), SIGKILL), 0);
  EXPECT_EQ(ask(std::get<Connections>(first).fds[0]), "");  // end of file: it is gone
  auto second = meet("demo");
  ASSERT_CONNECTED(second);
  EXPECT_TRUE(std::get<Connections>(second).started);
  EXPECT_NE(ask(std::get<Connections>(second).fds[0]), answer);
}

TEST_F(Rendezvous, the_world_is_nobodys_child_and_leads_its_session) {
  auto result = meet("");
  ASSERT_CONNECTED(result);
  const pid_t world = std::stoi(ask(std::get<Connections>(result).fds[0]).substr(1));
  EXPECT_NE(::getsid(world), ::getsid(0));
  EXPECT_NE(::getpgid(world), ::getpgid(0));
}

TEST_F(Rendezvous, the_last_words_of_a_named_world_are_kept) {
  auto first = meet("demo");
  ASSERT_CONNECTED(first);
  ::send(std::get<Connections>(first).fds[0].get(), "die", 3, MSG_NOSIGNAL);
  char byte;
  EXPECT_LE(::recv(std::get<Connections>(first).fds[0].get(), &byte, 1, 0), 0);
  ASSERT_TRUE(std::get<std::vector<std::string>>(list_worlds(directory)).empty());  // cleared away
  std::string text(64, '\0');
  const UniqueFd log(::open((directory + "/demo.log").c_str(), O_RDONLY | O_CLOEXEC));
  ASSERT_TRUE(log);
  text.resize(static_cast<std::size_t>(::read(log.get(), text.data(), text.size())));
  EXPECT_EQ(text, "famous last words");
}

TEST_F(Rendezvous, a_directory_open_to_others_is_refused) {
  ASSERT_EQ(::mkdir(directory.c_str(), 0700), 0);
  ASSERT_EQ(::chmod(directory.c_str(), 0750), 0);
  auto result = meet("demo");
  ASSERT_TRUE(std::holds_alternative<RendezvousError>(result));
  EXPECT_NE(std::get<RendezvousError>(result).sentence.find("expected mode 0700"), std::string::npos);
}

TEST_F(Rendezvous, a_link_in_place_of_the_directory_is_refused) {
  ASSERT_EQ(::symlink("/tmp", directory.c_str()), 0);
  auto result = meet("demo");
  ASSERT_TRUE(std::holds_alternative<RendezvousError>(result));
  EXPECT_NE(std::get<RendezvousError>(result).sentence.find("is not a directory"), std::string::npos);
}

TEST_F(Rendezvous, the_directory_is_made_for_its_owner_only) {
  ASSERT_CONNECTED(meet("demo"));
  struct stat status {};
  ASSERT_EQ(::stat(directory.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0700U);
}

TEST_F(Rendezvous, a_name_that_is_a_path_is_refused) {
  auto result = meet("../x");
  ASSERT_TRUE(std::holds_alternative<RendezvousError>(result));
}

TEST_F(Rendezvous, inherited_descriptors_are_closed_in_the_world) {
  int pipe_ends[2];
  ASSERT_EQ(::pipe(pipe_ends), 0);
  auto result = meet("");
  ASSERT_CONNECTED(result);
  ::close(pipe_ends[1]);
  char byte;
  EXPECT_EQ(::read(pipe_ends[0], &byte, 1), 0);  // nobody holds the other end
  ::close(pipe_ends[0]);
}

}  // namespace
}  // namespace sockeye::world
