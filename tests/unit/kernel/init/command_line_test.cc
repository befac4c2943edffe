// SPDX-License-Identifier: MIT
/// The kernel's command line: what is understood, and what is said about the rest.
#include "kernel/init/command_line.h"

#include <gtest/gtest.h>

#include <random>

#include "bad_inputs.h"
#include "kernel/lib/command_line_word.h"
#include "seed.h"
#include "tally.h"
#include "text_writer.h"

namespace meridian {
namespace {

TEST(CommandLine, IsAllDefaultsWhenEmpty) {
  TextWriter said;
  for (const char* line : {"", " ", "\t\r\n  "}) {
    const CommandLine c = parse_command_line(line, said);
    EXPECT_EQ(c.layout, LayoutId::arm64);
    EXPECT_EQ(c.kernel, CommandLine::Kernel::shared);
    EXPECT_FALSE(c.linear || c.mem || c.nokaslr || c.tour);
    EXPECT_EQ(c.run, "");
    EXPECT_EQ(c.init, "");
  }
  EXPECT_EQ(said.text, "");
}

TEST(CommandLine, UnderstandsEveryWord) {
  TextWriter said;
  const CommandLine c = parse_command_line(
      "layout=i386-6.1 kernel=separate linear=512M mem=1G run=\"walk 0x10; meminfo\" "
      "init=/bin/hello "
      "nokaslr tour",
      said);
  EXPECT_EQ(c.layout, LayoutId::i386_6_1);
  EXPECT_EQ(c.kernel, CommandLine::Kernel::separate);
  EXPECT_EQ(c.linear, 512_MiB);
  EXPECT_EQ(c.mem, 1_GiB);
  EXPECT_EQ(c.run, "walk 0x10; meminfo");
  EXPECT_EQ(c.init, "/bin/hello");
  EXPECT_TRUE(c.nokaslr && c.tour);
  EXPECT_EQ(said.text, "");
}

TEST(CommandLine, TakesQuotesAroundTheValueOrTheWord) {
  TextWriter said;
  EXPECT_EQ(parse_command_line("\"run=a b;c\" tour", said).run, "a b;c");
  EXPECT_EQ(parse_command_line("run=\"a b;c\" tour", said).run, "a b;c");
  EXPECT_TRUE(parse_command_line("run=\"a b;c\" tour", said).tour);
  EXPECT_EQ(parse_command_line("run=a;b", said).run, "a;b");
  EXPECT_EQ(said.text, "");
}

TEST(CommandLine, TheLastOfTwoValuesCounts) {
  TextWriter said;
  EXPECT_EQ(parse_command_line("mem=1M mem=2M", said).mem, 2_MiB);
}

/// Each bad word costs one line; the good ones beside it still count.
TEST(CommandLine, ReportsEachBadWordInOneLineAndGoesOn) {
  const std::pair<const char*, const char*> cases[] = {
      {"quiet", "command line: 'quiet' is unknown; ignored\n"},
      {"root=/dev/sda", "command line: 'root' is unknown; ignored\n"},
      {"layout=vax",
       "command line: layout='vax' is not a layout of this kernel; the default is used\n"},
      {"layout", "command line: layout='' is not a layout of this kernel; the default is used\n"},
      {"kernel=both",
       "command line: kernel='both' is neither shared nor separate; the default is used\n"},
      {"mem=12Q", "command line: mem='12Q' is not a size; the default is used\n"},
      {"mem=0", "command line: mem='0' is not a size; the default is used\n"},
      {"mem=-1", "command line: mem='-1' is not a size; the default is used\n"},
      {"mem=99999999999999999999",
       "command line: mem='99999999999999999999' is not a size; the default is used\n"},
      {"linear=16777216T", "command line: linear='16777216T' is not a size; the default is used\n"},
      {"run", "command line: 'run' has no value; ignored\n"},
      {"run=\"\"", "command line: 'run' has no value; ignored\n"},
      {"nokaslr=1", "command line: 'nokaslr' takes no value; ignored\n"},
      {"=", "command line: '' is unknown; ignored\n"},
      {"run=\"open", "command line: 'run' has an open quote; ignored\n"},
      {"\x1b[2J\a", "command line: '\\x1b[2J\\x07' is unknown; ignored\n"},
  };
  for (const auto& [word, expected] : cases) {
    TextWriter said;
    const CommandLine c = parse_command_line(std::string("tour mem=3M ") + word, said);
    EXPECT_EQ(said.text, expected);
    EXPECT_TRUE(c.tour);
    EXPECT_EQ(c.mem.value_or(0), 3_MiB);
    EXPECT_EQ(c.run, "");
    EXPECT_FALSE(c.nokaslr);
    count_bad_input("command line");
  }
}

TEST(CommandLine, KeepsALongWordShortInItsComplaint) {
  TextWriter said;
  parse_command_line(std::string(4096, 'x'), said);
  EXPECT_EQ(said.text, "command line: '" + std::string(64, 'x') + "...' is unknown; ignored\n");
}

TEST(CommandLine, GivesOneValueWithoutATable) {
  EXPECT_EQ(command_line_value("a layout=x layout=\"y z\" b", "layout"), "y z");
  EXPECT_FALSE(command_line_value("layout xlayout=1", "layout").has_value());
  EXPECT_FALSE(command_line_value("layout=\"open", "layout").has_value());
}

TEST(CommandLineHostile, RandomBytesDoNoHarmAndPrintAsText) {
  std::mt19937_64 random(test_seed() + 5);
  const std::string pieces[] = {"mem=",         "run=", "\"", " ",  "=",
                                "layout=arm64", "tour", "\n", "0x", "T"};
  for (int i = 0; i < 3000; ++i) {
    std::string line;
    for (u64 n = random() % 60; n != 0; --n)
      line += random() % 2 ? pieces[random() % std::size(pieces)]
                           : std::string(1, static_cast<char>(random()));
    count_bad_input("command line");
    ExactCopy copy(std::as_bytes(std::span(line)));
    TextWriter said;
    parse_command_line({reinterpret_cast<const char*>(copy.view().data()), line.size()}, said);
    for (const char c : said.text) ASSERT_TRUE(c == '\n' || (c >= ' ' && c <= '~'));
  }
}

}  // namespace
}  // namespace meridian
