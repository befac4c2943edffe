// SPDX-License-Identifier: MIT
/// A command's arguments: what is taken, and the one line about what is not.
#include "kernel/shell/args.h"

#include <gtest/gtest.h>

#include "text_writer.h"

namespace meridian {
namespace {

std::string complaint(const Args& args) {
  TextWriter out;
  args.print_complaint(out);
  return out.text;
}

TEST(Args, GivesWordsInOrderWithoutTheirQuotes) {
  Args args("  one \"two words\" 'th\"ree' \t four ");
  EXPECT_EQ(args.word("A").value(), "one");
  EXPECT_EQ(args.word("B").value(), "two words");
  EXPECT_EQ(args.word("C").value(), "th\"ree");
  EXPECT_TRUE(args.more());
  EXPECT_EQ(args.word("D").value(), "four");
  EXPECT_FALSE(args.more());
  EXPECT_TRUE(args.end().has_value());
  EXPECT_FALSE(args.has_complaint());
}

TEST(Args, ReadsNumbersAddressesAndSizes) {
  Args args("0xffff_0000_0000_0000 12 64K 0b101");
  EXPECT_EQ(args.address("VA").value(), VirtAddr(0xffff'0000'0000'0000));
  EXPECT_EQ(args.number("N").value(), 12u);
  EXPECT_EQ(args.size("SIZE").value(), 65536u);
  EXPECT_EQ(args.number("N", 5).value(), 5u);
}

TEST(Args, SaysWhichArgumentIsMissing) {
  Args args("  ");
  EXPECT_EQ(args.address("VA").error(), (Error{Errc::missing_argument, 1}));
  EXPECT_EQ(complaint(args), "VA is missing");
}

TEST(Args, RefusesNumbersThatAreNone) {
  for (const char* text :
       {"x", "0x", "-1", "+1", "1.5", "0x1_0000_0000_0000_0000", "18446744073709551616", "0b2",
        "1e3", "ffff", "0xg", "99999999999999999999999999999999"}) {
    Args args(text);
    EXPECT_EQ(args.number("N").error(), (Error{Errc::bad_number, 1})) << text;
    EXPECT_EQ(complaint(args), "'" + std::string(text) + "' is not a number of at most 64 bits");
  }
  Args large("11");
  EXPECT_EQ(large.number("ORDER", 10).error(), (Error{Errc::too_large, 1}));
  EXPECT_EQ(complaint(large), "'11' is too large");
  Args size("64Q");
  EXPECT_EQ(size.size("SIZE").error().code, Errc::bad_number);
  EXPECT_EQ(complaint(size), "'64Q' is not a size (such as 4096, 64K or 1M)");
  Args address("there");
  EXPECT_EQ(address.address("VA").error().code, Errc::bad_number);
  EXPECT_EQ(complaint(address), "'there' is not an address (0x and up to 16 digits)");
}

TEST(Args, RefusesOneArgumentTooMany) {
  Args args("1 2 3");
  EXPECT_TRUE(args.number("N").has_value());
  EXPECT_EQ(args.end().error(), (Error{Errc::unexpected_argument, 2}));
  EXPECT_EQ(complaint(args), "'2' is one argument too many");
}

TEST(Args, TakesKeywordsOnlyWhenTheyAreThere) {
  Args args("kernel user");
  EXPECT_FALSE(args.take("user"));
  EXPECT_TRUE(args.take("kernel"));
  EXPECT_TRUE(args.take("user"));
  EXPECT_FALSE(args.take("user"));
  EXPECT_FALSE(args.take(""));
}

TEST(Args, RefusesQuotesThatDoNotCloseAroundAWord) {
  for (const char* text : {"\"open", "'", "a\"b\"", "\"a\"b", "it's"}) {
    Args args(text);
    EXPECT_EQ(args.word("A").error(), (Error{Errc::bad_format, 1})) << text;
    EXPECT_TRUE(args.has_complaint());
  }
  Args empty("''");
  EXPECT_EQ(empty.word("A").value(), "");
}

TEST(Args, PrintsHostileWordsAsText) {
  Args args("\x1b[2J\x07");
  EXPECT_FALSE(args.number("N").has_value());
  EXPECT_EQ(complaint(args), "'\\x1b[2J\\x07' is not a number of at most 64 bits");
  const std::string endless(4000, '9');
  Args many(endless);
  EXPECT_FALSE(many.number("N").has_value());
  EXPECT_LT(complaint(many).size(), 120u);
}

}  // namespace
}  // namespace meridian
