// SPDX-License-Identifier: MIT
/// The program loader's reader: an AArch64 ELF file (fixed, or position independent: the relocating is its own
/// business, or its interpreter's), looked at in place. What open() accepts can be mapped as it says: segments
/// inside the file and the user half, apart from each other, none both writable and executable.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "kernel/lib/fixed_vector.h"
#include "kernel/lib/result.h"
#include "kernel/lib/types.h"
#include "mm/range.h"

namespace meridian {

/// Why a file is not a program that runs here.
enum class ElfProblem : u8 {
  none,
  too_short,
  not_elf,
  wrong_class,    // not 64-bit little-endian of today's version
  wrong_machine,  // not AArch64
  wrong_type,     // neither an executable nor position independent
  bad_header,     // sizes in the ELF header
  bad_table,      // the program header table leaves the file
  too_many_segments,
  bad_interpreter_name,  // PT_INTERP holds no path
  segment_in_file,    // a segment's bytes leave the file, or are more than its memory
  segment_alignment,  // address and offset disagree, or alignment is no power of two
  segment_range,      // a segment leaves the user half
  segment_overlap,    // or is out of order
  writable_code,
  executable_stack,
  no_segments,
  bad_entry,  // not in an executable segment
  no_interpreter,   // it cannot be had
  bad_interpreter,  // it is none of what open() accepts
};

/// One clause for a message: "it is too short".
const char* text_of(ElfProblem problem);

/// One PT_LOAD: `file` bytes from `offset` on go to `address`, then zeros up to the memory's size.
struct ElfSegment {
  UserRange memory;
  u64 offset = 0, file_size = 0;
  bool write = false, execute = false;

  /// The whole pages that hold it.
  UserRange pages() const;
};

class ElfImage {
 public:
  static constexpr usize kMaxSegments = 8;

  /// Where programs may be: from `lowest` up to and without `end`, page aligned. A position
  /// independent file is checked as if it began at `lowest`, and must fit between the two.
  struct Limits {
    UserAddr lowest, end;
  };

  /// Of a file of `size` bytes it gets to see `head`, where the program header table must lie.
  /// Errc::bad_format, truncated, unsupported or too_large with the offset of what is wrong;
  /// `problem` says it in words.
  static Result<ElfImage> open(std::span<const std::byte> head, u64 size, Limits limits,
                               ElfProblem& problem);

  /// True if it may be loaded at any page: every address below is then relative to the load
  /// address.
  bool is_relocatable() const { return relocatable_; }
  UserAddr entry() const { return entry_; }
  /// In ascending order of address.
  const FixedVector<ElfSegment, kMaxSegments>& segments() const { return segments_; }
  /// From the first segment's first page to the end of the last one's.
  UserRange span() const;

  /// The program header table as the program sees it; address 0 if no segment holds it.
  UserAddr headers() const { return headers_; }
  u16 header_count() const { return header_count_; }
  /// The path of the program that is to load what this one is linked with, if it is linked dynamically; else empty.
  /// (Of `head`, which open() has seen.)
  std::string_view interpreter() const { return interpreter_; }
  static constexpr u16 kHeaderSize = 56;

 private:
  struct Header;
  class Reader;

  bool relocatable_ = false;
  u16 header_count_ = 0;
  UserAddr entry_, headers_;
  std::string_view interpreter_;
  FixedVector<ElfSegment, kMaxSegments> segments_;
};

}  // namespace meridian
