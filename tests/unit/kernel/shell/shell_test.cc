// SPDX-License-Identifier: MIT
/// The shell's lines: separators, results, and what it says about what goes wrong.
#include "kernel/shell/shell.h"

#include <gtest/gtest.h>

#include <random>

#include "bad_inputs.h"
#include "seed.h"
#include "tally.h"
#include "text_writer.h"

namespace meridian {
namespace {

Result<void> cmd_echo(Writer& out, Args& args) {
  while (args.more()) print(out, "[{}]", TRY(args.word("WORD")));
  out.put('\n');
  return {};
}
Result<void> cmd_fail(Writer&, Args& args) {
  const u64 status = TRY(args.number("STATUS", 1000));
  TRY(args.end());
  return Error{Errc::failed, status};
}
Result<void> cmd_fault(Writer&, Args& args) {
  const VirtAddr va = TRY(args.address("VA"));
  TRY(args.end());
  return Error{Errc::not_mapped, va.value()};
}
Result<void> cmd_pick(Writer&, Args& args) {
  TRY(args.word("KIND"));
  return args.refuse("is neither this nor that");
}

constexpr Command kEcho{"echo", "echo [WORD...]", "print the words", cmd_echo,
                        CommandGroup::machine};
constexpr Command kFail{"fail", "fail STATUS", "end with STATUS", cmd_fail};
constexpr Command kFault{"fault", "fault VA", "find nothing at VA", cmd_fault,
                         CommandGroup::access};
constexpr Command kPick{"pick", "pick KIND", "pick", cmd_pick};
constexpr const Command* kCommands[] = {&kEcho, &kFail, &kFault, &kPick};

struct Said {
  Result<void> result;
  std::string text;
};
Said run(std::string_view line) {
  TextWriter out;
  const Result<void> result = Shell(kCommands, out).run_line(line);
  return {result, out.text};
}

TEST(Shell, RunsACommandWithItsWords) {
  EXPECT_EQ(run("echo a 'b c' d").text, "[a][b c][d]\n");
  EXPECT_EQ(run("  echo  ").text, "\n");
  EXPECT_EQ(run("").text, "");
  EXPECT_TRUE(run(" \t ").result.has_value());
}

TEST(Shell, SplitsCommandsAtSemicolonsOutsideQuotes) {
  EXPECT_EQ(run("echo a;echo b ; ; echo 'c;d';").text, "[a]\n[b]\n[c;d]\n");
  EXPECT_EQ(run("echo \"it's;\";echo b").text, "[it's;]\n[b]\n");
}

TEST(Shell, RunsTheRestAfterAFailureAndResultsInTheFirst) {
  const Said said = run("fail 3; echo on; fail 4; nonsense");
  EXPECT_EQ(said.result.error(), (Error{Errc::failed, 3}));
  EXPECT_EQ(said.text, "[on]\n'nonsense': no such command; 'help' lists them\n");
}

TEST(Shell, SaysInOneLineWhatWentWrong) {
  EXPECT_EQ(run("nope").text, "'nope': no such command; 'help' lists them\n");
  EXPECT_EQ(run("Echo").text, "'Echo': no such command; 'help' lists them\n");
  EXPECT_EQ(run("fault").text, "fault: VA is missing; usage: fault VA\n");
  EXPECT_EQ(run("fault x").text,
            "fault: 'x' is not an address (0x and up to 16 digits); usage: fault VA\n");
  EXPECT_EQ(run("fault 1 2").text, "fault: '2' is one argument too many; usage: fault VA\n");
  EXPECT_EQ(run("fault 0x1000").text, "fault: not mapped (0x1000)\n");
  EXPECT_EQ(run("fail 1001").text, "fail: '1001' is too large; usage: fail STATUS\n");
  EXPECT_EQ(run("fail 5").text, "") << "a failure has spoken for itself";
  EXPECT_EQ(run("pick x").text, "pick: 'x' is neither this nor that; usage: pick KIND\n");
  EXPECT_EQ(run("'echo").text, "a quote does not close\n");
  EXPECT_EQ(run("\x1b[2J").text, "'\\x1b[2J': no such command; 'help' lists them\n");
}

TEST(Shell, MapsResultsToExitStatuses) {
  EXPECT_EQ(exit_status({}), 0);
  EXPECT_EQ(exit_status(Error{Errc::failed, 3}), 3);
  EXPECT_EQ(exit_status(Error{Errc::failed, 255}), 255);
  EXPECT_EQ(exit_status(Error{Errc::failed, 256}), 1);
  EXPECT_EQ(exit_status(Error{Errc::failed, 0}), 1);
  EXPECT_EQ(exit_status(Error{Errc::not_mapped, 3}), 1);
}

TEST(Shell, HelpsByGroupInOneLineEach) {
  TextWriter out;
  ASSERT_TRUE(print_help(out, kCommands, "").has_value());
  EXPECT_EQ(out.take(),
            "touching memory\n"
            "  fault VA                           find nothing at VA\n"
            "seeing and checking\n"
            "  fail STATUS                        end with STATUS\n"
            "  pick KIND                          pick\n"
            "the machine\n"
            "  echo [WORD...]                     print the words\n");
  ASSERT_TRUE(print_help(out, kCommands, "echo").has_value());
  EXPECT_EQ(out.take(), "echo [WORD...]\n  print the words\n");
  EXPECT_EQ(print_help(out, kCommands, "ech").error(), (Error{Errc::not_found}));
}

TEST(ShellHostile, RandomLinesDoNoHarmAndPrintAsText) {
  std::mt19937_64 random(test_seed() + 6);
  const std::string pieces[] = {"echo",  "fail", "fault", "pick", " ",  ";",
                                "'",     "\"",   "0x",    "-",    "\t", "99999999999999999999",
                                "\x1b[", "\n"};
  for (int i = 0; i < 5000; ++i) {
    std::string line;
    for (u64 n = random() % 40; n != 0; --n)
      line += random() % 3 ? pieces[random() % std::size(pieces)]
                           : std::string(1, static_cast<char>(random()));
    if (i % 100 == 0) line.append(4096, static_cast<char>(random()));
    count_bad_input("shell line");
    TextWriter out;
    ExactCopy copy(std::as_bytes(std::span(line)));
    (void)Shell(std::span(kCommands).subspan(1), out)  // without echo, which prints what it is told
        .run_line({reinterpret_cast<const char*>(copy.view().data()), line.size()});
    for (const char c : out.text) ASSERT_TRUE(c == '\n' || (c >= ' ' && c <= '~')) << line;
  }
}

}  // namespace
}  // namespace meridian
