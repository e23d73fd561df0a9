// SPDX-FileCopyrightText: Sockeye contributors
// SPDX-License-Identifier: Apache-2.0
//
// The command line, read by CLI11. A mistake is one line on stderr that says what was expected, and
// exit status 2. The programs to be run are cut off before CLI11 sees anything: their options are
// none of ours.
#include "tools/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <functional>
#include <span>

#include "tools/arguments.h"
#include "world/hello.h"

namespace sockeye::tools {

namespace {

constexpr int kUsageError = 2;

constexpr const char* kNetHelp =
    "Qualities of the way between any two hosts, once per direction (the round\n"
    "trip is twice the delay): delay=20ms or 20ms~5ms, rate=10mbit, queue=64KiB\n"
    "or 100p, loss=1%, duplicate=1%, reorder=1%, corrupt=0.1%, mtu=1400, seed=7,\n"
    "separated by commas; or a profile first: 4g, dsl, sat, wifi-bad";

// CLI11 would write "[OPTIONS]" and nothing of what stands behind the dashes.
class HelpFormatter : public CLI::Formatter {
 public:
  explicit HelpFormatter(std::string usage) : usage_(std::move(usage)) { column_width(26); }
  std::string make_usage(const CLI::App*, std::string) const override { return usage_ + "\n"; }

 private:
  std::string usage_;
};

void set_usage(CLI::App& app, const std::string& usage) {
  app.formatter(std::make_shared<HelpFormatter>(usage));
}

Finished complain(const std::string& where, const std::string& sentence) {
  std::fprintf(stderr, "%s: %s\n", where.c_str(), sentence.c_str());
  return {kUsageError};
}

// Adds an option whose value is read by `read`, which may throw BadValue.
template <class Read, class Value>
void add_value(CLI::App& app, const std::string& name, const std::string& type, Value& value, Read read,
               const std::string& help) {
  app.add_option_function<std::string>(
         name,
         [&value, read, name](const std::string& text) {
           try {
             value = read(text);
           } catch (const BadValue& bad) {
             throw BadValue(name + ": " + bad.what());
           }
         },
         help)
      ->type_name(type);
}

void add_choice(CLI::App& app, WorldChoice& choice) {
  app.add_option_function<std::string>(
         "--net",
         [&choice](const std::string& text) {
           try {
             choice.spec = read_net(text);
           } catch (const BadValue& bad) {
             throw BadValue(std::string("--net: ") + bad.what());
           }
           choice.net = text;
         },
         kNetHelp)
      ->type_name("SPEC");
  add_value(app, "--seed", "N", choice.seed, read_seed,
            "Makes the network's decisions and the hosts' random numbers repeat");
  app.add_option("--pcap", choice.pcap,
                 "Write every packet to FILE as pcapng; what the network dropped says why in\n"
                 "a comment")
      ->type_name("FILE");
  app.add_flag("--report", choice.report, "List at the end what programs asked for and did not get");
}

std::string own_words(const CLI::ParseError& error) {
  std::string text = error.what();
  for (char& c : text)
    if (c == '\n') c = ' ';
  while (!text.empty() && text.back() == ' ') text.pop_back();
  if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z') text[0] = static_cast<char>(text[0] - 'A' + 'a');
  return text;
}

// Empty: go on. CLI11 wants the arguments in reverse.
std::optional<Finished> parse(CLI::App& app, const std::string& where, std::vector<std::string> arguments) {
  std::reverse(arguments.begin(), arguments.end());
  try {
    app.parse(std::move(arguments));
  } catch (const CLI::CallForHelp&) {
    std::fputs(app.help().c_str(), stdout);
    return Finished{0};
  } catch (const BadValue& bad) {
    return complain(where, bad.what());
  } catch (const CLI::ParseError& error) {
    return complain(where, own_words(error) + " (see " + where + " --help)");
  }
  return std::nullopt;
}

std::optional<Finished> check_seeds(const std::string& where, const WorldChoice& choice) {
  if (choice.seed && choice.spec.seed && *choice.seed != *choice.spec.seed)
    return complain(where, "--seed " + std::to_string(*choice.seed) + " and seed=" +
                               std::to_string(*choice.spec.seed) + " in --net differ: give one of them");
  return std::nullopt;
}

Command parse_run(std::span<const std::string> arguments) {
  const std::string where = "sockeye run";
  RunCommand run;
  run.host = std::string(world::kDefaultHostName);
  CLI::App app("Runs CMD and all its children on a host of their own; ends with CMD's status.", where);
  set_usage(app, "Usage: sockeye run [OPTIONS] -- CMD [ARG...]");
  add_choice(app, run.choice);
  add_value(app, "--world", "NAME", run.choice.world, read_world_name,
            "Be on the world NAME with every other run that says so; without it on a private one");
  add_value(app, "--host", "NAME", run.host, read_host_name,
            "The host to be on, made if it is new (default: host)");
  app.add_flag("--keep", run.keep, "The world stays when its last program ends, until sockeye down");
  Split split = split_at_dashes(arguments, 1);
  if (auto finished = parse(app, where, split.options)) return *finished;
  if (split.commands.empty() || split.commands[0].empty())
    return complain(where, "expected -- and the command to run, as in: sockeye run -- curl http://server/");
  if (run.keep && run.choice.world.empty())
    return complain(where, "--keep: expected --world NAME too, or nothing could come back to that world");
  if (auto finished = check_seeds(where, run.choice)) return *finished;
  run.command = std::move(split.commands[0]);
  return run;
}

Command parse_pair(std::span<const std::string> arguments) {
  const std::string where = "sockeye pair";
  PairCommand pair;
  CLI::App app(
      "Runs SERVER on the host 'server' and, as soon as it listens, CLIENT on the host 'client'.\n"
      "Ends when CLIENT ends, with its status; SERVER is then terminated.",
      where);
  set_usage(app, "Usage: sockeye pair [OPTIONS] -- SERVER [ARG...] -- CLIENT [ARG...]");
  add_choice(app, pair.choice);
  add_value(app, "--ready", "PROTO:PORT", pair.ready, read_ready,
            "What to wait for before CLIENT starts: tcp:PORT or udp:PORT (default: the\n"
            "first socket of the server that listens, or datagram socket that is bound)");
  add_value(app, "--ready-timeout", "TIME", pair.ready_timeout, read_duration,
            "How long to wait for that (default: 10s)");
  app.add_flag("--ss", pair.show_sockets,
               "Print the socket table as it stood when CLIENT ended, on standard error");
  Split split = split_at_dashes(arguments, 2);
  if (auto finished = parse(app, where, split.options)) return *finished;
  if (split.commands.size() < 2 || split.commands[0].empty() || split.commands[1].empty())
    return complain(where,
                    "expected -- SERVER -- CLIENT, as in: sockeye pair -- nc -l 7000 -- nc -N server 7000");
  if (auto finished = check_seeds(where, pair.choice)) return *finished;
  pair.server = std::move(split.commands[0]);
  pair.client = std::move(split.commands[1]);
  return pair;
}

Command parse_ss(std::span<const std::string> arguments) {
  const std::string where = "sockeye ss";
  SsCommand ss;
  world::TableOptions& table = ss.table;
  CLI::App app(
      "Shows the sockets of a world as ss(8) shows those of the machine. Without -a and -l: those that\n"
      "are connected. A world with several hosts has the host's name in front.",
      where);
  set_usage(app, "Usage: sockeye ss [OPTIONS]");
  app.add_flag("-t,--tcp", table.tcp, "TCP sockets");
  app.add_flag("-u,--udp", table.udp, "UDP sockets");
  app.add_flag("-4,--ipv4", table.v4, "IPv4 sockets");
  app.add_flag("-6,--ipv6", table.v6, "IPv6 sockets");
  app.add_flag("-a,--all", table.all, "Listening, connected and all others");
  app.add_flag("-l,--listening", table.listening, "Only listening sockets");
  app.add_flag("-n,--numeric", table.numeric, "Port numbers, not names of services");
  app.add_flag("-p,--processes", table.processes, "The processes that hold a socket");
  app.add_flag("-i,--info", table.info, "What TCP knows of each connection");
  app.add_flag("-o,--options", table.timers, "The timer that is running");
  app.add_flag("-e,--extended", table.extended, "Inode, cookie and mark of each socket");
  app.add_flag("-H,--no-header", table.no_header, "No header line");
  add_value(app, "--world", "NAME", ss.world, read_world_name,
            "The world (default: the only one that has a name)");
  add_value(app, "--host", "NAME", table.host, read_host_name, "Only this host");
  if (auto finished = parse(app, where, {arguments.begin(), arguments.end()})) return *finished;
  return ss;
}

Command parse_down(std::span<const std::string> arguments) {
  const std::string where = "sockeye down";
  DownCommand down;
  CLI::App app("Ends a world. Programs that are still on it see their connections reset.", where);
  set_usage(app, "Usage: sockeye down --world NAME");
  add_value(app, "--world", "NAME", down.world, read_world_name, "The world");
  if (auto finished = parse(app, where, {arguments.begin(), arguments.end()})) return *finished;
  if (down.world.empty()) return complain(where, "expected --world NAME");
  return down;
}

constexpr const char* kHelp =
    "Sockeye: unmodified programs on a TCP/IP stack of their own, over a network you choose.\n"
    "\n"
    "Usage: sockeye COMMAND [OPTIONS]\n"
    "\n"
    "Commands:\n"
    "  run    run a program and its children on a host of their own\n"
    "  pair   run a server and a client on two hosts\n"
    "  ss     show the sockets of a world\n"
    "  down   end a world\n"
    "\n"
    "  sockeye COMMAND --help    says more; sockeye --version says which this is\n"
    "\n"
    "Example: a file over a network with 40 ms round trip and 1 % loss\n"
    "  sockeye pair --net delay=20ms,loss=1% -- python3 -m http.server 8080 -- curl http://server:8080/\n";

}  // namespace

Command parse_command_line(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.empty()) {
    std::fputs(kHelp, stderr);
    return Finished{kUsageError};
  }
  const std::string& name = arguments[0];
  const std::span<const std::string> rest(arguments.begin() + 1, arguments.end());
  if (name == "-h" || name == "--help" || name == "help") {
    std::fputs(kHelp, stdout);
    return Finished{0};
  }
  if (name == "--version" || name == "-V") {
    std::puts("sockeye " SOCKEYE_VERSION);
    return Finished{0};
  }
  if (name == "run") return parse_run(rest);
  if (name == "pair") return parse_pair(rest);
  if (name == "ss") return parse_ss(rest);
  if (name == "down") return parse_down(rest);
  return complain("sockeye", "'" + name + "': expected one of run, pair, ss, down (see sockeye --help)");
}

}  // namespace sockeye::tools
