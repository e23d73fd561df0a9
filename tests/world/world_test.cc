// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// A world in this process, with sessions that are nothing but a connection.
#include "world/world.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "world/report.h"

namespace sockeye::world {
namespace {

// Ends when the other end of its connection does.
class BareSession final : public Session, private EventHandler {
 public:
  BareSession(World& world, UniqueFd connection) : connection_(std::move(connection)) {
    EXPECT_TRUE(watch_.open(world.loop(), connection_.get(), EPOLLIN, *this).has_value());
  }
  bool drive(Instant) override { return false; }
  bool has_ended() const override { return ended_; }
  void end() override {}
  std::uint64_t inode_of(const Host&, std::uint64_t) const override { return 0; }

 private:
  void on_events(std::uint32_t) override { ended_ = true; }
  UniqueFd connection_;
  Watch watch_;
  bool ended_ = false;
};

class WorldTest : public testing::Test {
 protected:
  WorldTest() {
    WorldOptions options;
    options.version = 1;
    options.entropy = 99;
    world = std::make_unique<World>(options, [](World& of, UniqueFd connection) {
      return std::make_unique<BareSession>(of, std::move(connection));
    });
  }
  static Hello hello(const std::string& host) {
    Hello hello;
    hello.version = 1;
    hello.host = host;
    return hello;
  }
  World::Joined joined(const Hello& hello) {
    auto result = world->join(hello, UniqueFd());
    if (const auto* error = std::get_if<HelloError>(&result)) ADD_FAILURE() << error->sentence;
    return std::get<World::Joined>(result);
  }
  std::string refusal(const Hello& hello) {
    auto result = world->join(hello, UniqueFd());
    const auto* error = std::get_if<HelloError>(&result);
    return error != nullptr ? error->sentence : std::string();
  }
  UniqueFd agent() {
    int pair[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    world->add_agent(UniqueFd(pair[1]));
    return UniqueFd(pair[0]);
  }

  std::unique_ptr<World> world;
};

TEST_F(WorldTest, addresses_come_in_the_order_of_joining) {
  const auto first = joined(hello("server")), second = joined(hello("client"));
  EXPECT_EQ(first.welcome.addresses,
            (std::vector<IpAddress>{IpAddress::v4(10, 0, 0, 1), *IpAddress::parse("fd00:50c:e7e::1")}));
  EXPECT_EQ(second.welcome.addresses.at(0), IpAddress::v4(10, 0, 0, 2));
  EXPECT_EQ(joined(hello("server")).host, first.host);  // a second run on the same host
}

TEST_F(WorldTest, the_first_hello_decides_the_network_and_later_ones_agree_or_say_nothing) {
  Hello first = hello("a");
  first.net = "delay=20ms,loss=1%,seed=7";
  joined(first);
  EXPECT_EQ(world->seed(), 7U);
  joined(hello("b"));
  Hello same = hello("c");
  same.net = "loss=1%,delay=20ms";
  joined(same);
  Hello other = hello("d");
  other.net = "delay=30ms";
  EXPECT_NE(refusal(other).find("give the same --net or none"), std::string::npos);
  Hello seeded = hello("d");
  seeded.seed = 8;
  EXPECT_NE(refusal(seeded).find("seed is 7, not 8"), std::string::npos);
  EXPECT_EQ(world->hosts().size(), 3U);
}

TEST_F(WorldTest, a_seed_that_was_drawn_is_told) {
  const auto first = joined(hello("a"));
  EXPECT_TRUE(first.welcome.seed_was_drawn);
  EXPECT_EQ(first.welcome.seed, 99U);
}

TEST_F(WorldTest, refusals_say_what_was_expected) {
  Hello old = hello("a");
  old.version = 2;
  EXPECT_NE(refusal(old).find("different builds"), std::string::npos);
  Hello bad = hello("a");
  bad.net = "delay=20";
  EXPECT_NE(refusal(bad).find("unit"), std::string::npos);
  Hello contradiction = hello("a");
  contradiction.net = "seed=1,loss=1%";
  contradiction.seed = 2;
  EXPECT_NE(refusal(contradiction).find("differ"), std::string::npos);
  EXPECT_NE(refusal(hello("localhost")), "");
  EXPECT_TRUE(world->hosts().empty());
}

TEST_F(WorldTest, a_question_makes_no_host) {
  EXPECT_EQ(joined(hello("")).host, nullptr);
  EXPECT_TRUE(world->hosts().empty());
}

TEST_F(WorldTest, there_is_room_for_254_hosts) {
  for (std::size_t i = 0; i < World::kHostsMax; ++i) joined(hello("h" + std::to_string(i)));
  EXPECT_NE(refusal(hello("more")).find("at most 254"), std::string::npos);
}

// One connection between two hosts, driven by the world's own turns in real time.
TEST_F(WorldTest, hosts_reach_each_other_after_twice_the_delay) {
  Hello first = hello("server");
  first.net = "delay=3ms";
  Host& server = *joined(first).host;
  Host& client = *joined(hello("client")).host;
  const UniqueFd here = agent();
  SocketRef listener = *server.stack().socket(2, 1, 0);
  ASSERT_TRUE(listener->bind({IpAddress::any_v4(), 7000}).has_value());
  ASSERT_TRUE(listener->listen(5).has_value());
  SocketRef socket = *client.stack().socket(2, 1, 0);
  const Endpoint to{IpAddress::v4(10, 0, 0, 1), 7000};
  const Instant begin = EventLoop::read_clock();
  EXPECT_EQ(socket->connect(to).error(), Errno::inprogress);
  while (!any(socket->readiness() & Readiness::out) && EventLoop::read_clock() < begin + 5s)
    ASSERT_TRUE(world->turn(EventLoop::read_clock() + 100ms));
  EXPECT_GE(EventLoop::read_clock() - begin, 6ms);
  EXPECT_TRUE(socket->connect(to).has_value());
  SocketRow row;
  const std::string rows = world->query("sockets 0");
  EXPECT_TRUE(read_row(rows.substr(0, rows.find('\n')), row)) << rows;
  EXPECT_EQ(row.host, "server");
  EXPECT_EQ(world->query("sockets 1000"), "");
  EXPECT_NE(world->query("sockets").find("error"), std::string::npos);
  listener->close();
  socket->close();
}

TEST_F(WorldTest, it_ends_with_its_last_agent) {
  UniqueFd first = agent(), second = agent();
  first.reset();
  EXPECT_TRUE(world->turn(EventLoop::read_clock() + 1s));
  second.reset();
  EXPECT_FALSE(world->turn(EventLoop::read_clock() + 1s));
}

TEST_F(WorldTest, unless_one_asked_to_keep_it) {
  Hello keeper = hello("a");
  keeper.keep = true;
  joined(keeper);
  agent().reset();
  EXPECT_TRUE(world->turn(EventLoop::read_clock() + 10ms));
  EXPECT_EQ(world->query("end"), "");
  EXPECT_FALSE(world->turn(EventLoop::read_clock()));
}

TEST_F(WorldTest, a_second_capture_is_refused_and_the_first_is_written_at_the_end) {
  char path[] = "/tmp/sockeye-capture-XXXXXX";
  const UniqueFd file(::mkstemp(path));
  ::unlink(path);
  auto first = world->join(hello("a"), UniqueFd(::dup(file.get())));
  ASSERT_TRUE(std::holds_alternative<World::Joined>(first));
  auto second = world->join(hello("b"), UniqueFd(::dup(file.get())));
  EXPECT_TRUE(std::holds_alternative<HelloError>(second));
  world.reset();
  struct stat status {};
  ASSERT_EQ(::fstat(file.get(), &status), 0);
  EXPECT_GT(status.st_size, 0);
}

}  // namespace
}  // namespace sockeye::world
