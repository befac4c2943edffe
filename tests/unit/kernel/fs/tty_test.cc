// SPDX-License-Identifier: MIT
/// The line discipline and its terminal: keys in, what is read, echoed and signalled out; and the
/// devices without state.
#include "kernel/fs/tty.h"

#include <deque>

#include "fs_world.h"
#include "kernel/fs/devices.h"
#include "tally.h"
#include "text_writer.h"

namespace meridian {
namespace {

class Line : public testing::Test {
 protected:
  /// The signals that the keys were, by number.
  std::string type(std::string_view keys) {
    std::string signals;
    for (const char key : keys)
      if (const auto signal = line.receive(static_cast<u8>(key), echo))
        signals += std::to_string(static_cast<int>(*signal)) + ";";
    return signals;
  }
  std::string read(usize most = 100) {
    if (!line.is_ready()) return "(nothing)";
    std::vector<std::byte> to(most);
    const usize count = line.read(to);
    return {reinterpret_cast<const char*>(to.data()), count};
  }
  void change(u32 clear_local, u32 set_local = 0, u32 clear_input = 0) {
    Termios termios = line.termios();
    termios.local = (termios.local & ~clear_local) | set_local;
    termios.input &= ~clear_input;
    line.set_termios(termios);
  }

  LineDiscipline line;
  TextWriter echo;
};

TEST_F(Line, StartsAsLinuxStartsATerminal) {
  const Termios& t = line.termios();
  EXPECT_EQ(t.input, 0x500u);
  EXPECT_EQ(t.output, 0x5u);
  EXPECT_EQ(t.control, 0x4bfu);
  EXPECT_EQ(t.local, 0x8a3bu);
  EXPECT_EQ(t.characters[2], 0x7f);
  EXPECT_EQ(sizeof(Termios), 36u);
}

TEST_F(Line, GivesALineWhenItIsDone) {
  type("ls -l");
  EXPECT_EQ(read(), "(nothing)");
  type("\r");
  EXPECT_EQ(echo.take(), "ls -l\n");
  type("next\n");
  EXPECT_EQ(read(4), "ls -") << "what fits";
  EXPECT_EQ(read(), "l\n") << "and no more than the line";
  EXPECT_EQ(read(), "next\n");
  EXPECT_EQ(read(), "(nothing)");
}

TEST_F(Line, CanBeEditedUntilThen) {
  type(
      "ab\x7f\x7f\x7f"
      "cd");
  EXPECT_EQ(echo.take(), "ab\b \b\b \bcd") << "nothing to take back at the start";
  type(
      "\x15"
      "one two\x17three\n");
  EXPECT_EQ(read(), "one three\n");
  type(
      "done\n"
      "x\x15\n");
  EXPECT_EQ(read(), "done\n") << "the kill stops at the line's start";
  EXPECT_EQ(read(), "\n");
  echo.take();
  type("\x01\x7f");
  EXPECT_EQ(echo.take(), "^A\b \b\b \b");
}

TEST_F(Line, EndOfFileIsALineWithoutACharacter) {
  type("\x04");
  EXPECT_EQ(read(), "") << "0 bytes are the end of the file";
  type("part\x04");
  EXPECT_EQ(read(), "part");
  EXPECT_EQ(read(), "(nothing)");
  EXPECT_EQ(echo.take(), "part");
}

TEST_F(Line, SignalsThrowAwayWhatWasTyped) {
  EXPECT_EQ(type("abc\x03"), "2;");
  EXPECT_EQ(type("\x1c\x1a"), "3;20;");
  EXPECT_EQ(echo.take(), "abc^C^\\^Z");
  type("d\n");
  EXPECT_EQ(read(), "d\n");
  change(Termios::kSignals);
  EXPECT_EQ(type("\x03\n"), "");
  EXPECT_EQ(read(), "\x03\n");
  change(0, Termios::kSignals | Termios::kNoFlush);
  EXPECT_EQ(type("kept\x03\n"), "2;");
  EXPECT_EQ(read(), "kept\n");
}

TEST_F(Line, LiteralNextTakesTheKeyAsItIs) {
  EXPECT_EQ(type("\x16\x03\x16\x7f\n"), "");
  EXPECT_EQ(read(), "\x03\x7f\n");
}

TEST_F(Line, RawKeysAreReadAtOnce) {
  change(Termios::kCanonical | Termios::kEcho | Termios::kSignals, 0, Termios::kCrToNl);
  type("a\r\x03\x7f");
  EXPECT_EQ(read(), "a\r\x03\x7f");
  EXPECT_EQ(echo.take(), "");
  Termios termios = line.termios();
  termios.characters[Termios::kMin] = 3;
  line.set_termios(termios);
  type("xy");
  EXPECT_EQ(read(), "(nothing)");
  type("z");
  EXPECT_EQ(read(), "xyz");
  termios.characters[Termios::kMin] = 0;
  line.set_termios(termios);
  EXPECT_EQ(read(), "") << "MIN 0 never waits";
}

TEST_F(Line, WhatIsTypedSurvivesAChangeOfMode) {
  type("half");
  change(Termios::kCanonical);
  EXPECT_EQ(read(), "half");
  type("raw");
  change(0, Termios::kCanonical);
  type("more\n");
  EXPECT_EQ(read(), "rawmore\n");
}

/// Keys that nobody takes are lost; the line can still be ended and read.
TEST_F(Line, AFullBufferTakesTheEndOfTheLine) {
  for (int i = 0; i < 5000; ++i) {
    count_bad_input("tty");
    type("x");
  }
  type("\n");
  EXPECT_EQ(read(10'000), std::string(4095, 'x') + "\n");
  type("ok\n");
  EXPECT_EQ(read(), "ok\n");
}

// The terminal.

class FakeJobs final : public TtyJobs {
 public:
  Caller caller() override { return who; }
  void signal_group(u32 group, u8 signal) override {
    heard += std::to_string(group) + ":" + std::to_string(signal) + ";";
  }
  /// There are groups 12 and 34 of session 12, and group 99 of another one.
  u32 session_of_group(u32 group) override {
    return group == 12 || group == 34 ? 12 : group == 99 ? 98 : 0;
  }
  Background signal_background(u8 signal) override {
    if (background == Background::signalled) signal_group(who.group, signal);
    return background;
  }

  std::string heard;
  Caller who{.session = 12, .group = 12, .leads_session = true};
  Background background = Background::signalled;
};

/// An argument in the caller's memory; null is an address that faults.
class Argument final : public IoctlArgument {
 public:
  explicit Argument(void* memory) : memory_(memory) {}
  u64 value() const override { return reinterpret_cast<u64>(memory_); }
  Result<void> read(std::span<std::byte> to) override {
    if (memory_ == nullptr) return Error{Errc::fault};
    std::memcpy(to.data(), memory_, to.size());
    return {};
  }
  Result<void> write(std::span<const std::byte> from) override {
    if (memory_ == nullptr) return Error{Errc::fault};
    std::memcpy(memory_, from.data(), from.size());
    return {};
  }

 private:
  void* memory_;
};

class TtyTest : public FsWorld {
 protected:
  TtyTest() : tty(screen) {
    write_file("/tty", "");
    file = open_tty(tty, look_up(start, "/tty").take(), OpenFlags(OpenFlags::kReadWrite)).take();
  }
  ~TtyTest() override { file.reset(); }
  int ioctl(u32 request, void* memory) {
    Argument argument(memory);
    return error_of(file->ioctl(request, argument));
  }
  void type(std::string_view keys) {
    for (const char key : keys) tty.receive(static_cast<u8>(key));
  }

  TextWriter screen;
  Tty tty;
  FakeJobs jobs;
  Ref<File> file;
};

TEST_F(TtyTest, ReadsLinesAndSaysWhenOneIsThere) {
  std::byte to[20];
  file->set_flags(OpenFlags::kNonblock);
  EXPECT_EQ(error_of(file->read(to)), EAGAIN);
  EXPECT_EQ(file->poll(), 0x104u);
  type("hi\r");
  EXPECT_EQ(file->poll(), 0x145u);
  u32 waiting = 0;
  EXPECT_EQ(ioctl(0x541b, &waiting), 0);
  EXPECT_EQ(waiting, 3u);
  EXPECT_EQ(file->read(to).value(), 3u);
  EXPECT_EQ(file->write(bytes_of("out\n")).value(), 4u);
  EXPECT_EQ(screen.take(), "hi\nout\n");
  EXPECT_EQ(error_of(file->seek(0, Whence::set)), ESPIPE);
}

TEST_F(TtyTest, AnswersTheRequestsThatShellsMake) {
  Termios termios;
  termios.local = 0;
  EXPECT_EQ(ioctl(0x5401, &termios), 0);
  EXPECT_EQ(termios.local, 0x8a3bu);
  termios.local &= ~u32{2};
  EXPECT_EQ(ioctl(0x5402, &termios), 0);
  Termios again;
  EXPECT_EQ(ioctl(0x5401, &again), 0);
  EXPECT_EQ(again.local, 0x8a39u);
  type("x");
  EXPECT_EQ(ioctl(0x5404, &termios), 0) << "TCSETSF forgets what was typed";
  file->set_flags(OpenFlags::kNonblock);
  std::byte to[4];
  EXPECT_EQ(error_of(file->read(to)), EAGAIN);
  u16 size[4];
  EXPECT_EQ(ioctl(0x5413, size), 0);
  EXPECT_EQ(size[0], 24);
  EXPECT_EQ(size[1], 80);
  EXPECT_EQ(ioctl(0x1234, nullptr), ENOTTY);
  EXPECT_EQ(ioctl(0x5401, nullptr), EFAULT);
  EXPECT_EQ(ioctl(0x5402, nullptr), EFAULT);
  Argument argument(nullptr);
  EXPECT_EQ(error_of(open("/tty").take()->ioctl(0x5401, argument)), ENOTTY) << "a plain file";
}

TEST_F(TtyTest, SignalsGoToTheForegroundGroupOfItsSession) {
  EXPECT_EQ(ioctl(0x540e, nullptr), EPERM) << "nobody knows processes yet";
  tty.use_jobs(jobs);
  type("\x03");
  EXPECT_EQ(jobs.heard, "") << "no group is in the foreground";
  EXPECT_EQ(ioctl(0x540e, nullptr), 0);
  u32 number = 0;
  EXPECT_EQ(ioctl(0x540f, &number), 0);
  EXPECT_EQ(number, 12u);
  EXPECT_EQ(ioctl(0x5429, &number), 0);
  EXPECT_EQ(number, 12u);
  number = 34;
  EXPECT_EQ(ioctl(0x5410, &number), 0);
  type("\x03\x1a");
  EXPECT_EQ(jobs.heard, "34:2;34:20;");
  jobs.who.session = 13;
  EXPECT_EQ(ioctl(0x540e, nullptr), EPERM) << "another session's";
  EXPECT_EQ(ioctl(0x540e, reinterpret_cast<void*>(1)), 0) << "unless it is taken by force";
}

/// The terminal is session 12's, with group 12 in the foreground; the caller is in group 34.
class BackgroundTest : public TtyTest {
 protected:
  BackgroundTest() {
    tty.use_jobs(jobs);
    EXPECT_EQ(ioctl(0x540e, nullptr), 0);
    jobs.who = {.session = 12, .group = 34};
    file->set_flags(OpenFlags::kNonblock);
  }
  std::byte to[8];
};

TEST_F(BackgroundTest, ReadingStopsAJobUnlessItIsDeafOrAnOrphan) {
  type("hi\r");
  EXPECT_EQ(error_of(file->read(to)), EINTR);
  EXPECT_EQ(jobs.heard, "34:21;") << "SIGTTIN";
  jobs.background = TtyJobs::Background::deaf;
  EXPECT_EQ(error_of(file->read(to)), EIO);
  jobs.background = TtyJobs::Background::orphaned;
  EXPECT_EQ(error_of(file->read(to)), EIO);
  jobs.who.group = 12;
  EXPECT_EQ(file->read(to).value(), 3u) << "the foreground may";
  jobs.who = {.session = 98, .group = 99};
  EXPECT_EQ(error_of(file->read(to)), EAGAIN) << "and who has another terminal, or none";
}

TEST_F(BackgroundTest, ChangingTheTerminalStopsAJobUnlessItIsDeaf) {
  Termios termios;
  EXPECT_EQ(ioctl(0x5401, &termios), 0) << "asking does not";
  u32 group = 34;
  EXPECT_EQ(ioctl(0x5402, &termios), EINTR);
  EXPECT_EQ(ioctl(0x540b, nullptr), EINTR);
  EXPECT_EQ(ioctl(0x5410, &group), EINTR);
  EXPECT_EQ(jobs.heard, "34:22;34:22;34:22;") << "SIGTTOU";
  jobs.background = TtyJobs::Background::orphaned;
  EXPECT_EQ(ioctl(0x5402, &termios), EIO);
  EXPECT_EQ(ioctl(0x5410, &group), ENOTTY);
  jobs.background = TtyJobs::Background::deaf;
  EXPECT_EQ(ioctl(0x5402, &termios), 0);
  EXPECT_EQ(ioctl(0x5410, &group), 0) << "as a shell does that takes its terminal back";
  jobs.heard.clear();
  type("\x03");
  EXPECT_EQ(jobs.heard, "34:2;");
}

TEST_F(BackgroundTest, WritingDoesSoOnlyWhenAsked) {
  EXPECT_EQ(file->write(bytes_of("free\n")).value(), 5u);
  jobs.who.group = 12;
  Termios termios;
  termios.local |= 0400;  // TOSTOP
  EXPECT_EQ(ioctl(0x5402, &termios), 0);
  EXPECT_EQ(file->write(bytes_of("front\n")).value(), 6u);
  jobs.who.group = 34;
  EXPECT_EQ(error_of(file->write(bytes_of("back\n"))), EINTR);
  jobs.background = TtyJobs::Background::deaf;
  EXPECT_EQ(file->write(bytes_of("deaf\n")).value(), 5u);
}

TEST_F(BackgroundTest, TheForegroundIsAGroupOfTheSession) {
  jobs.who.group = 12;
  const auto put = [&](u32 group) { return ioctl(0x5410, &group); };
  EXPECT_EQ(put(55), ESRCH);
  EXPECT_EQ(put(99), EPERM);
  EXPECT_EQ(put(u32{0} - 1), EINVAL);
  EXPECT_EQ(ioctl(0x5410, nullptr), EFAULT);
  EXPECT_EQ(put(34), 0);
  jobs.who = {.session = 98, .group = 99, .leads_session = true};
  EXPECT_EQ(put(99), ENOTTY) << "it is not their terminal";
  u32 number;
  EXPECT_EQ(ioctl(0x540f, &number), ENOTTY);
  EXPECT_EQ(ioctl(0x5429, &number), ENOTTY);
  EXPECT_EQ(ioctl(0x5422, nullptr), ENOTTY);
}

TEST_F(BackgroundTest, WhoLeadsTheSessionGivesItsTerminalUp) {
  EXPECT_EQ(ioctl(0x5422, nullptr), 0) << "who does not changes nothing";
  u32 number;
  EXPECT_EQ(ioctl(0x5429, &number), 0);
  EXPECT_EQ(jobs.heard, "");
  jobs.who = {.session = 12, .group = 12, .leads_session = true};
  EXPECT_EQ(ioctl(0x5422, nullptr), 0);
  EXPECT_EQ(jobs.heard, "12:1;12:18;") << "SIGHUP and SIGCONT";
  EXPECT_EQ(ioctl(0x5429, &number), ENOTTY);
}

// Devices.

class DeviceTest : public FsWorld {
 protected:
  DeviceTest() {
    EXPECT_EQ(error_of(mkdir("/dev")), 0);
    EXPECT_EQ(error_of(make_device_names(*look_up(start, "/dev").value()->as_directory())), 0);
  }
};

TEST_F(DeviceTest, EachDoesWhatItsNameSays) {
  std::byte to[64];
  constexpr u32 kReadWrite = OpenFlags::kReadWrite;
  EXPECT_EQ(open("/dev/null", kReadWrite).value()->read(to).value(), 0u);
  EXPECT_EQ(open("/dev/null", kReadWrite).value()->write(to).value(), 64u);
  std::memset(to, 1, sizeof(to));
  EXPECT_EQ(open("/dev/zero", kReadWrite).value()->read(to).value(), 64u);
  for (const std::byte b : to) EXPECT_EQ(b, std::byte{0});
  EXPECT_EQ(error_of(open("/dev/full", kReadWrite).value()->write(to)), ENOSPC);
  std::byte more[64];
  EXPECT_EQ(open("/dev/urandom").value()->read(to).value(), 64u);
  EXPECT_EQ(open("/dev/urandom").value()->read(more).value(), 64u);
  EXPECT_NE(std::memcmp(to, more, 64), 0);
  EXPECT_EQ(open("/dev/zero").value()->seek(100, Whence::set).value(), 0u);
}

TEST_F(DeviceTest, HaveLinuxsNumbers) {
  EXPECT_EQ(stat("/dev/null").value().special_device, 0x103u);
  EXPECT_EQ(stat("/dev/null").value().mode, 020666u);
  EXPECT_EQ(stat("/dev/tty").value().special_device, 0x500u);
  EXPECT_EQ(stat("/dev/ttyAMA0").value().special_device, 0xcc40u);
  EXPECT_EQ(device_number(0xabc, 0x12345), 0x123a'bc45u);
  EXPECT_EQ(error_of(make_at(start, "/dev/none",
                             {.type = InodeType::character_device, .device = 0x1234})),
            0);
  EXPECT_EQ(error_of(open("/dev/none")), ENXIO);
}

}  // namespace
}  // namespace meridian
