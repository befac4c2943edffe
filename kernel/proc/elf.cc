// SPDX-License-Identifier: MIT
#include "kernel/proc/elf.h"

#include <cstring>

#include "kernel/lib/bits.h"
#include "mm/page_size.h"

namespace meridian {
namespace {

// ELF-64 Object File Format, version 1.5 draft 2: the structures as they lie in the file.
struct FileHeader {
  u8 ident[16];
  u16 type, machine;
  u32 version;
  u64 entry, program_headers, section_headers;
  u32 flags;
  u16 header_size, program_header_size, program_header_count;
  u16 section_header_size, section_header_count, section_names;
};
static_assert(sizeof(FileHeader) == 64);

struct ProgramHeader {
  u32 type, flags;
  u64 offset, address, physical, file_size, memory_size, alignment;
};
static_assert(sizeof(ProgramHeader) == ElfImage::kHeaderSize);

constexpr u8 kIdent[] = {0x7f, 'E', 'L', 'F'};
constexpr u8 kClass64 = 2, kLittleEndian = 1, kCurrentVersion = 1;
constexpr u16 kTypeExecutable = 2, kTypeDynamic = 3, kMachineAArch64 = 183;
constexpr u32 kLoad = 1, kInterpreter = 3, kGnuStack = 0x6474'e551;
constexpr u32 kExecute = 1, kWrite = 2;

/// The T at `offset`, which lies within `file`.
template <typename T>
T read_at(std::span<const std::byte> file, u64 offset) {
  T value;
  std::memcpy(&value, file.data() + offset, sizeof value);
  return value;
}

Errc code_of(ElfProblem problem) {
  switch (problem) {
    case ElfProblem::too_short:
    case ElfProblem::bad_table:
    case ElfProblem::segment_in_file:
      return Errc::truncated;
    case ElfProblem::wrong_class:
    case ElfProblem::wrong_machine:
    case ElfProblem::wrong_type:
    case ElfProblem::writable_code:
    case ElfProblem::executable_stack:
      return Errc::unsupported;
    case ElfProblem::too_many_segments:
      return Errc::too_large;
    case ElfProblem::segment_range:
    case ElfProblem::segment_overlap:
      return Errc::bad_range;
    case ElfProblem::none:
    case ElfProblem::not_elf:
    case ElfProblem::bad_header:
    case ElfProblem::segment_alignment:
    case ElfProblem::no_segments:
    case ElfProblem::bad_entry:
    case ElfProblem::bad_interpreter_name:
    case ElfProblem::no_interpreter:
    case ElfProblem::bad_interpreter:
      return Errc::bad_format;
  }
  UNREACHABLE();
}

}  // namespace

const char* text_of(ElfProblem problem) {
  switch (problem) {
    case ElfProblem::none:
      return "it is fine";
    case ElfProblem::too_short:
      return "it is too short";
    case ElfProblem::not_elf:
      return "it is not an ELF file";
    case ElfProblem::wrong_class:
      return "it is not a 64-bit little-endian ELF file";
    case ElfProblem::wrong_machine:
      return "it is not for AArch64";
    case ElfProblem::wrong_type:
      return "it is not an executable";
    case ElfProblem::bad_header:
      return "its ELF header is damaged";
    case ElfProblem::bad_table:
      return "its program headers are not all there";
    case ElfProblem::too_many_segments:
      return "it has too many segments";
    case ElfProblem::bad_interpreter_name:
      return "it does not name its interpreter";
    case ElfProblem::segment_in_file:
      return "a segment's bytes are not all there";
    case ElfProblem::segment_alignment:
      return "a segment is not aligned";
    case ElfProblem::segment_range:
      return "a segment lies outside user memory";
    case ElfProblem::segment_overlap:
      return "its segments overlap or are out of order";
    case ElfProblem::writable_code:
      return "a segment is both writable and executable";
    case ElfProblem::executable_stack:
      return "it wants an executable stack";
    case ElfProblem::no_segments:
      return "it has no segment to load";
    case ElfProblem::bad_entry:
      return "its entry point is not in an executable segment";
    case ElfProblem::no_interpreter:
      return "its interpreter is not there, or is not executable";
    case ElfProblem::bad_interpreter:
      return "its interpreter is no program";
  }
  UNREACHABLE();
}

UserRange ElfSegment::pages() const {
  return UserRange::between(memory.start().align_down(kPageSize), memory.end().align_up(kPageSize));
}

UserRange ElfImage::span() const {
  return UserRange::between(segments_[0].pages().start(),
                            segments_[segments_.size() - 1].pages().end());
}

/// Builds an ElfImage from the top of the file down, and remembers the first problem.
class ElfImage::Reader {
 public:
  Reader(std::span<const std::byte> head, u64 size, Limits limits, ElfImage& into,
         ElfProblem& problem)
      : image(into), head_(head), size_(size), limits_(limits), problem_(problem) {}

  Result<void> read() {
    problem_ = ElfProblem::none;
    TRY(read_file_header());
    for (u16 i = 0; i < header_.program_header_count; ++i) {
      const u64 at = header_.program_headers + u64{i} * sizeof(ProgramHeader);
      TRY(read_program_header(read_at<ProgramHeader>(head_, at), at));
    }
    return check_whole();
  }

  ElfImage& image;

 private:
  Error refuse(ElfProblem problem, u64 offset) {
    problem_ = problem;
    return {code_of(problem), offset};
  }

  Result<void> read_file_header();
  Result<void> read_program_header(const ProgramHeader& header, u64 at);
  Result<void> read_interpreter(const ProgramHeader& header, u64 at);
  Result<void> add_segment(const ProgramHeader& header, u64 at);
  Result<void> check_whole();
  UserAddr bias() const { return image.relocatable_ ? limits_.lowest : UserAddr(0); }

  std::span<const std::byte> head_;
  u64 size_;
  Limits limits_;
  ElfProblem& problem_;
  FileHeader header_{};
};

Result<void> ElfImage::Reader::read_file_header() {
  if (head_.size() < sizeof kIdent) return refuse(ElfProblem::too_short, head_.size());
  if (std::memcmp(head_.data(), kIdent, sizeof kIdent) != 0) return refuse(ElfProblem::not_elf, 0);
  if (head_.size() < sizeof header_) return refuse(ElfProblem::too_short, head_.size());
  header_ = read_at<FileHeader>(head_, 0);
  if (header_.ident[4] != kClass64 || header_.ident[5] != kLittleEndian ||
      header_.ident[6] != kCurrentVersion || header_.version != kCurrentVersion)
    return refuse(ElfProblem::wrong_class, offsetof(FileHeader, ident) + 4);
  if (header_.machine != kMachineAArch64)
    return refuse(ElfProblem::wrong_machine, offsetof(FileHeader, machine));
  if (header_.type != kTypeExecutable && header_.type != kTypeDynamic)
    return refuse(ElfProblem::wrong_type, offsetof(FileHeader, type));
  if (header_.header_size < sizeof header_)
    return refuse(ElfProblem::bad_header, offsetof(FileHeader, header_size));
  if (header_.program_header_size != sizeof(ProgramHeader))
    return refuse(ElfProblem::bad_header, offsetof(FileHeader, program_header_size));

  const u64 table_size = u64{header_.program_header_count} * sizeof(ProgramHeader);
  if (header_.program_headers > head_.size() || table_size > head_.size() - header_.program_headers)
    return refuse(ElfProblem::bad_table, offsetof(FileHeader, program_headers));
  image.relocatable_ = header_.type == kTypeDynamic;
  image.entry_ = UserAddr(header_.entry);
  image.header_count_ = header_.program_header_count;
  return {};
}

Result<void> ElfImage::Reader::read_program_header(const ProgramHeader& header, u64 at) {
  switch (header.type) {
    case kLoad:
      return header.memory_size == 0 && header.file_size == 0 ? Result<void>{}
                                                              : add_segment(header, at);
    case kInterpreter:
      return read_interpreter(header, at);
    case kGnuStack:
      if (header.flags & kExecute) return refuse(ElfProblem::executable_stack, at);
      return {};
    default:  // TLS, RELRO, notes: the C library's business
      return {};
  }
}

/// A path with its NUL.
Result<void> ElfImage::Reader::read_interpreter(const ProgramHeader& header, u64 at) {
  const bool is_there =
      header.offset <= head_.size() && header.file_size <= head_.size() - header.offset;
  if (!is_there || header.file_size < 2) return refuse(ElfProblem::bad_interpreter_name, at);
  const std::string_view path(reinterpret_cast<const char*>(head_.data()) + header.offset,
                              header.file_size);
  if (path.back() != '\0') return refuse(ElfProblem::bad_interpreter_name, at);
  image.interpreter_ = path.substr(0, path.find('\0'));
  return {};
}

Result<void> ElfImage::Reader::add_segment(const ProgramHeader& header, u64 at) {
  if (header.file_size > header.memory_size || header.offset > size_ ||
      header.file_size > size_ - header.offset)
    return refuse(ElfProblem::segment_in_file, at);
  if (header.alignment > 1 && !is_power_of_two(header.alignment))
    return refuse(ElfProblem::segment_alignment, at);
  if (!is_aligned(header.address - header.offset, kPageSize))
    return refuse(ElfProblem::segment_alignment, at);

  const u64 lowest = limits_.lowest.value(), end = limits_.end.value();
  u64 start = 0;
  if (__builtin_add_overflow(header.address, bias().value(), &start) || start < lowest ||
      start >= end || header.memory_size > end - start)
    return refuse(ElfProblem::segment_range, at);
  if ((header.flags & kWrite) && (header.flags & kExecute))
    return refuse(ElfProblem::writable_code, at);

  const ElfSegment segment{
      .memory = {UserAddr(header.address), header.memory_size},
      .offset = header.offset,
      .file_size = header.file_size,
      .write = (header.flags & kWrite) != 0,
      .execute = (header.flags & kExecute) != 0,
  };
  const usize count = image.segments_.size();
  if (count != 0 && segment.pages().start() < image.segments_[count - 1].pages().end())
    return refuse(ElfProblem::segment_overlap, at);
  if (!image.segments_.push(segment)) return refuse(ElfProblem::too_many_segments, at);
  return {};
}

Result<void> ElfImage::Reader::check_whole() {
  if (image.segments_.is_empty())
    return refuse(ElfProblem::no_segments, offsetof(FileHeader, program_header_count));
  const u64 table_size = u64{header_.program_header_count} * sizeof(ProgramHeader);
  bool entry_is_code = false;
  for (const ElfSegment& s : image.segments_) {
    entry_is_code |= s.execute && s.memory.contains(image.entry_);
    const u64 inside = header_.program_headers - s.offset;
    if (inside < s.file_size && table_size <= s.file_size - inside)
      image.headers_ = s.memory.start() + inside;
  }
  if (!entry_is_code || !image.entry_.is_aligned(sizeof(u32)))
    return refuse(ElfProblem::bad_entry, offsetof(FileHeader, entry));
  return {};
}

Result<ElfImage> ElfImage::open(std::span<const std::byte> head, u64 size, Limits limits,
                                ElfProblem& problem) {
  Result<ElfImage> image{ElfImage()};  // read in place: two of them outgrow a frame
  const Result<void> done = Reader(head, size, limits, image.value(), problem).read();
  if (!done.has_value()) image = done.error();
  return image;
}

}  // namespace meridian
