// SPDX-License-Identifier: MIT
/// The ELF reader. The files are made with the host's <elf.h>, which the reader does not use.
#include "kernel/proc/elf.h"

#include <elf.h>
#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "bad_inputs.h"
#include "seed.h"
#include "tally.h"

namespace meridian {
namespace {

constexpr ElfImage::Limits kLimits{UserAddr(0x1'0000), UserAddr(0x1'0000'0000'0000)};

/// A program as `ld -static` lays it out: text with the headers, data with bss; a stack note and
/// TLS.
struct Program {
  Elf64_Ehdr header{};
  std::vector<Elf64_Phdr> segments;
  usize size = 0x3000;

  Program() {
    std::memcpy(header.e_ident,
                "\x7f"
                "ELF\2\1\1",
                7);
    header.e_type = ET_EXEC;
    header.e_machine = EM_AARCH64;
    header.e_version = 1;
    header.e_entry = 0x40'0100;
    header.e_phoff = sizeof header;
    header.e_ehsize = sizeof header;
    header.e_phentsize = sizeof(Elf64_Phdr);
    segments.push_back(load(PF_R | PF_X, 0, 0x40'0000, 0x1500, 0x1500));
    segments.push_back(load(PF_R | PF_W, 0x1f00, 0x41'1f00, 0x200, 0x5000));
    segments.push_back({PT_TLS, PF_R, 0x1f00, 0x41'1f00, 0, 0x10, 0x20, 8});
    segments.push_back({PT_GNU_STACK, PF_R | PF_W, 0, 0, 0, 0, 0, 16});
  }
  static Elf64_Phdr load(u32 flags, u64 offset, u64 address, u64 file_size, u64 memory_size) {
    return {PT_LOAD, flags, offset, address, address, file_size, memory_size, 0x1'0000};
  }
  std::vector<std::byte> file() const {
    std::vector<std::byte> bytes(size);
    Elf64_Ehdr h = header;
    if (h.e_phnum == 0) h.e_phnum = static_cast<u16>(segments.size());
    std::memcpy(bytes.data(), &h, sizeof h);
    std::memcpy(bytes.data() + sizeof h, segments.data(), segments.size() * sizeof(Elf64_Phdr));
    return bytes;
  }
};

/// A file that is seen whole.
Result<ElfImage> open_whole(std::span<const std::byte> file, ElfProblem& problem) {
  return ElfImage::open(file, file.size(), kLimits, problem);
}
Result<ElfImage> open_whole(std::span<const std::byte> file) {
  ElfProblem ignored;
  return open_whole(file, ignored);
}

ElfProblem problem_of(const Program& program) {
  ElfProblem problem;
  const auto bytes = program.file();
  const auto result = open_whole(ExactCopy(bytes).view(), problem);
  EXPECT_EQ(result.has_value(), problem == ElfProblem::none);
  return problem;
}
ElfProblem problem_after(const std::function<void(Program&)>& change) {
  Program program;
  change(program);
  count_bad_input("ELF");
  return problem_of(program);
}

TEST(Elf, ReadsAStaticProgram) {
  const auto bytes = Program().file();
  const ElfImage image = open_whole(bytes).take();
  EXPECT_FALSE(image.is_relocatable());
  EXPECT_EQ(image.entry(), UserAddr(0x40'0100));
  EXPECT_EQ(image.headers(), UserAddr(0x40'0040));
  EXPECT_EQ(image.header_count(), 4u);
  ASSERT_EQ(image.segments().size(), 2u);
  const ElfSegment text = image.segments()[0], data = image.segments()[1];
  EXPECT_TRUE(text.execute && !text.write);
  EXPECT_EQ(text.pages(), UserRange(UserAddr(0x40'0000), 0x2000));
  EXPECT_TRUE(data.write && !data.execute);
  EXPECT_EQ(data.offset, 0x1f00u);
  EXPECT_EQ(data.file_size, 0x200u);
  EXPECT_EQ(data.memory, UserRange(UserAddr(0x41'1f00), 0x5000));
  EXPECT_EQ(data.pages(), UserRange(UserAddr(0x41'1000), 0x6000));
  EXPECT_EQ(image.span(), UserRange(UserAddr(0x40'0000), 0x1'7000));
}

TEST(Elf, ReadsAPositionIndependentProgramRelativeToItsLoadAddress) {
  Program program;
  program.header.e_type = ET_DYN;
  program.header.e_entry = 0x100;
  program.segments[0].p_vaddr = 0;
  program.segments[1].p_vaddr = 0x1'1f00;
  const auto bytes = program.file();
  const ElfImage image = open_whole(bytes).take();
  EXPECT_TRUE(image.is_relocatable());
  EXPECT_EQ(image.entry(), UserAddr(0x100));
  EXPECT_EQ(image.headers(), UserAddr(0x40));
  EXPECT_EQ(image.span(), UserRange(UserAddr(0), 0x1'7000));
}

TEST(Elf, SaysWhatKindOfFileItIsNot) {
  EXPECT_EQ(problem_after([](Program& p) { p.header.e_ident[1] = 'e'; }), ElfProblem::not_elf);
  EXPECT_EQ(problem_after([](Program& p) { p.header.e_ident[4] = ELFCLASS32; }),
            ElfProblem::wrong_class);
  EXPECT_EQ(problem_after([](Program& p) { p.header.e_ident[5] = ELFDATA2MSB; }),
            ElfProblem::wrong_class);
  EXPECT_EQ(problem_after([](Program& p) { p.header.e_ident[6] = 0; }), ElfProblem::wrong_class);
  EXPECT_EQ(problem_after([](Program& p) { p.header.e_version = 2; }), ElfProblem::wrong_class);
  EXPECT_EQ(problem_after([](Program& p) { p.header.e_machine = EM_X86_64; }),
            ElfProblem::wrong_machine);
  EXPECT_EQ(problem_after([](Program& p) { p.header.e_type = ET_REL; }), ElfProblem::wrong_type);
  EXPECT_EQ(problem_after([](Program& p) { p.header.e_type = ET_CORE; }), ElfProblem::wrong_type);
  EXPECT_EQ(problem_after([](Program& p) { p.header.e_ehsize = 63; }), ElfProblem::bad_header);
  EXPECT_EQ(problem_after([](Program& p) { p.header.e_phentsize = 57; }), ElfProblem::bad_header);
  EXPECT_EQ(problem_after([](Program& p) { p.segments[3].p_flags |= PF_X; }),
            ElfProblem::executable_stack);
}

/// `path`, of `size` bytes, at `offset` of a file that may end before it does.
Result<ElfImage> with_interpreter(std::vector<std::byte>& bytes, std::string_view path, u64 offset, u64 size,
                                  ElfProblem& problem) {
  Program program;
  program.segments.push_back({PT_INTERP, PF_R, offset, 0, 0, size, size, 1});
  bytes = program.file();
  if (offset < bytes.size()) std::memcpy(&bytes[offset], path.data(), std::min(path.size(), bytes.size() - offset));
  count_bad_input("ELF");
  return open_whole(bytes, problem);
}

TEST(Elf, NamesTheInterpreterOfADynamicProgram) {
  std::vector<std::byte> bytes;
  ElfProblem problem;
  const auto named = with_interpreter(bytes, std::string_view("/lib/ld.so\0", 11), 0x800, 11, problem);
  ASSERT_TRUE(named.has_value());
  EXPECT_EQ(named.value().interpreter(), "/lib/ld.so");
  const auto short_one = with_interpreter(bytes, std::string_view("/a\0b\0", 5), 0x800, 5, problem);
  ASSERT_TRUE(short_one.has_value());
  EXPECT_EQ(short_one.value().interpreter(), "/a");
  EXPECT_EQ(open_whole(Program().file()).value().interpreter(), "");
}

TEST(Elf, RefusesAnInterpreterWithoutAName) {
  std::vector<std::byte> bytes;
  const auto problem_with = [&](std::string_view path, u64 offset, u64 size) {
    ElfProblem problem = ElfProblem::none;
    EXPECT_FALSE(with_interpreter(bytes, path, offset, size, problem).has_value());
    return problem;
  };
  EXPECT_EQ(problem_with("/lib/ld.so", 0x800, 10), ElfProblem::bad_interpreter_name) << "no NUL";
  EXPECT_EQ(problem_with(std::string_view("\0", 1), 0x800, 1), ElfProblem::bad_interpreter_name);
  EXPECT_EQ(problem_with("", 0x800, 0), ElfProblem::bad_interpreter_name);
  for (const u64 offset : {u64{0x3000} - 4, u64{0x3001}, ~u64{0}, ~u64{0} - 10, u64{1} << 63})
    EXPECT_EQ(problem_with("", offset, 11), ElfProblem::bad_interpreter_name);
  EXPECT_EQ(problem_with("", 0x800, ~u64{0}), ElfProblem::bad_interpreter_name);
}

TEST(Elf, RefusesAProgramHeaderTableThatLeavesTheFile) {
  for (const u64 offset : {u64{0x3000} - 100, u64{0x3001}, ~u64{0}, ~u64{0} - 223, u64{1} << 63})
    EXPECT_EQ(problem_after([&](Program& p) { p.header.e_phoff = offset; }), ElfProblem::bad_table);
  EXPECT_EQ(problem_after([](Program& p) { p.header.e_phnum = 0xffff; }), ElfProblem::bad_table);
  EXPECT_EQ(problem_after([](Program& p) { p.segments.clear(); }), ElfProblem::no_segments);
}

TEST(Elf, RefusesSegmentsWhoseBytesAreNotInTheFile) {
  const auto refused = ElfProblem::segment_in_file;
  EXPECT_EQ(problem_after([](Program& p) { p.segments[1].p_filesz = 0x5001; }), refused);
  EXPECT_EQ(problem_after([](Program& p) { p.segments[0].p_memsz = 0x14ff; }), refused);
  EXPECT_EQ(problem_after([](Program& p) { p.segments[1].p_offset = ~u64{0} - 0xff; }), refused);
  EXPECT_EQ(
      problem_after([](Program& p) { p.segments[1].p_filesz = p.segments[1].p_memsz = ~u64{0}; }),
      refused);
  EXPECT_EQ(problem_after([](Program& p) { p.size = 0x20ff; }), refused);
}

TEST(Elf, RefusesSegmentsThatAreNotAligned) {
  const auto refused = ElfProblem::segment_alignment;
  EXPECT_EQ(problem_after([](Program& p) { p.segments[1].p_vaddr += 1; }), refused);
  EXPECT_EQ(problem_after([](Program& p) { p.segments[1].p_offset += 0x800; }), refused);
  EXPECT_EQ(problem_after([](Program& p) { p.segments[1].p_align = 3; }), refused);
  EXPECT_EQ(problem_after([](Program& p) { p.segments[1].p_align = 0; }), ElfProblem::none);
}

TEST(Elf, RefusesSegmentsOutsideUserMemory) {
  const auto refused = ElfProblem::segment_range;
  const auto at = [](u64 address) {
    return problem_after([&](Program& p) { p.segments[1].p_vaddr = address; });
  };
  EXPECT_EQ(at(0xffff'8000'0800'0f00), refused) << "the kernel half";
  EXPECT_EQ(at(0x1'0000'0000'0f00), refused) << "the hole";
  EXPECT_EQ(at(0xffff'ffff'cf00), refused) << "leaves the half at its end";
  EXPECT_EQ(at(0xf00), refused) << "below the lowest address";
  EXPECT_EQ(at(0xffff'ffff'ffff'ff00), refused) << "wraps";
  EXPECT_EQ(at(0xffff'ffff'af00), ElfProblem::none);
  EXPECT_EQ(problem_after([](Program& p) { p.segments[1].p_memsz = ~u64{0}; }), refused);
}

TEST(Elf, RefusesSegmentsThatShareAPageOrGoDown) {
  const auto refused = ElfProblem::segment_overlap;
  EXPECT_EQ(problem_after([](Program& p) { p.segments[1].p_vaddr = 0x40'1f00; }), refused);
  EXPECT_EQ(problem_after([](Program& p) { p.segments[1].p_vaddr = 0x39'1f00; }), refused);
  EXPECT_EQ(problem_after([](Program& p) { p.segments[0].p_memsz = 0x11'2000; }), refused);
}

TEST(Elf, RefusesCodeThatCanBeWrittenAndEntriesThatAreNotCode) {
  EXPECT_EQ(problem_after([](Program& p) { p.segments[0].p_flags |= PF_W; }),
            ElfProblem::writable_code);
  const auto entry = [](u64 address) {
    return problem_after([&](Program& p) { p.header.e_entry = address; });
  };
  EXPECT_EQ(entry(0x41'2000), ElfProblem::bad_entry) << "data";
  EXPECT_EQ(entry(0x40'1500), ElfProblem::bad_entry) << "one byte past the text";
  EXPECT_EQ(entry(0x40'0102), ElfProblem::bad_entry) << "between two instructions";
  EXPECT_EQ(entry(0), ElfProblem::bad_entry);
  EXPECT_EQ(entry(~u64{0}), ElfProblem::bad_entry);
}

TEST(Elf, TakesEightSegmentsAndNoMore) {
  const auto with = [](u64 count) {
    return problem_after([&](Program& p) {
      p.segments.resize(1);
      for (u64 i = 1; i < count; ++i)
        p.segments.push_back(Program::load(PF_R, 0, 0x100'0000 + i * 0x1000, 0x10, 0x10));
    });
  };
  EXPECT_EQ(with(8), ElfProblem::none);
  EXPECT_EQ(with(9), ElfProblem::too_many_segments);
}

/// What was accepted can be mapped as it says: judged here with other arithmetic than the reader's.
void check_promises(std::span<const std::byte> file) {
  const Result<ElfImage> result = open_whole(file);
  if (!result.has_value()) {
    ASSERT_LE(result.error().about, file.size());
    return;
  }
  const ElfImage& image = result.value();
  const u128 bias = image.is_relocatable() ? 0x1'0000 : 0;
  u128 previous_end = 0x1'0000;
  bool entry_ok = false;
  for (const ElfSegment& s : image.segments()) {
    const u128 start = bias + s.memory.start().value(), end = start + s.memory.size();
    ASSERT_TRUE(start / 0x1000 >= previous_end / 0x1000 + (previous_end % 0x1000 != 0));
    ASSERT_TRUE(end <= u128{1} << 48 && start < end);
    ASSERT_TRUE(u128{s.offset} + s.file_size <= file.size() && s.file_size <= s.memory.size());
    ASSERT_FALSE(s.write && s.execute);
    entry_ok |= s.execute && s.memory.start() <= image.entry() && image.entry() < s.memory.end();
    previous_end = end;
  }
  ASSERT_TRUE(entry_ok);
}

TEST(ElfHostile, NoTruncationOfAHeaderOrSegmentIsAccepted) {
  Program program;
  const auto good = program.file();
  for_each_truncation("ELF", good, [](std::span<const std::byte> file) {
    EXPECT_EQ(open_whole(file).has_value(), file.size() >= 0x2100);
  });
}

TEST(ElfHostile, EveryFieldSurvivesEveryEdgeValue) {
  const auto good = Program().file();
  const usize headers = sizeof(Elf64_Ehdr) + 4 * sizeof(Elf64_Phdr);
  for (usize at = 0; at < headers; at += 2) {
    for (const u64 value : {u64{0}, u64{1}, u64{0xfff}, u64{0x1000}, u64{0x7fff}, u64{0xffff},
                            ~u64{0}, u64{1} << 63, (u64{1} << 63) - 1, ~u64{0} - 0xfff,
                            u64{1} << 48, (u64{1} << 48) - 1, u64{0xffff'8000'0000'0000}}) {
      for (const usize size : {usize{2}, usize{4}, usize{8}}) {
        if (at % size != 0) continue;
        ExactCopy copy(good);
        std::memcpy(&copy[at], &value, size);
        count_bad_input("ELF");
        check_promises(copy.view());
      }
    }
  }
}

TEST(ElfHostile, RandomChangesDoNoHarm) {
  auto good = Program().file();
  // Changes go to the headers, where they matter; the rest is only there to be pointed at.
  for_each_mutation("ELF", std::span<const std::byte>(good).first(288), 10'000, test_seed() + 4,
                    [&](std::span<const std::byte> headers) {
                      std::memcpy(good.data(), headers.data(), headers.size());
                      check_promises(good);
                    });
}

}  // namespace
}  // namespace meridian
