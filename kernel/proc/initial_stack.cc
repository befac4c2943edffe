// SPDX-License-Identifier: MIT
#include "kernel/proc/initial_stack.h"

#include "kernel/lib/bits.h"

namespace meridian {
namespace {

constexpr u64 kStackAlignment = 16;  // AAPCS64: SP always is
constexpr std::string_view kPlatform = "aarch64";

/// Keys of the auxiliary vector (Linux: include/uapi/linux/auxvec.h).
enum class Aux : u64 {
  end = 0,
  program_headers = 3,
  program_header_size = 4,
  program_header_count = 5,
  page_size = 6,
  interpreter_base = 7,
  flags = 8,
  entry = 9,
  user = 11,
  effective_user = 12,
  group = 13,
  effective_group = 14,
  platform = 15,
  hardware = 16,
  clock_ticks = 17,
  secure = 23,
  random = 25,
  hardware_2 = 26,
  file_name = 31,
};

/// AT_HWCAP: FP and ASIMD, which every CPU here has. What is not claimed is not used.
constexpr u64 kHardware = 0b11;
constexpr u64 kClockTicks = 100;

/// Writes texts from the top of the stack down, then words from some place up.
class StackWriter {
 public:
  StackWriter(UserSpace& space, UserRange stack)
      : space_(space), lowest_(stack.end() - stack.size() / 4), at_(stack.end()) {}

  UserAddr at() const { return at_; }
  void align(u64 alignment) { at_ = at_.align_down(alignment); }

  /// Makes room for `bytes` below what is there.
  Result<void> reserve(u64 bytes) {
    if (bytes > at_ - lowest_) return Error{Errc::too_large, bytes};
    at_ = at_ - bytes;
    return {};
  }
  /// The text with a NUL behind it.
  Result<UserAddr> push(std::string_view text) {
    TRY(reserve(text.size() + 1));
    TRY(space_.write(at_, std::as_bytes(std::span(text))));
    return at_;
  }
  Result<UserAddr> push_bytes(std::span<const std::byte> bytes) {
    TRY(reserve(bytes.size()));
    TRY(space_.write(at_, bytes));
    return at_;
  }

  /// The next word, from where reserve() left off upwards.
  Result<void> word(u64 value) {
    TRY(space_.write(at_, std::as_bytes(std::span(&value, 1))));
    at_ = at_ + sizeof value;
    return {};
  }
  Result<void> aux(Aux key, u64 value) {
    TRY(word(static_cast<u64>(key)));
    return word(value);
  }

 private:
  UserSpace& space_;
  UserAddr lowest_, at_;
};

struct Texts {
  UserAddr name, platform, random;
};

Result<void> write_aux_vector(StackWriter& out, const StartInfo& info, const Texts& texts) {
  TRY(out.aux(Aux::hardware, kHardware));
  TRY(out.aux(Aux::page_size, kPageSize));
  TRY(out.aux(Aux::clock_ticks, kClockTicks));
  TRY(out.aux(Aux::program_headers, info.headers.value()));
  TRY(out.aux(Aux::program_header_size, ElfImage::kHeaderSize));
  TRY(out.aux(Aux::program_header_count, info.header_count));
  TRY(out.aux(Aux::interpreter_base, 0));
  TRY(out.aux(Aux::flags, 0));
  TRY(out.aux(Aux::entry, info.entry.value()));
  for (const Aux id : {Aux::user, Aux::effective_user, Aux::group, Aux::effective_group})
    TRY(out.aux(id, 0));
  TRY(out.aux(Aux::secure, 0));
  TRY(out.aux(Aux::random, texts.random.value()));
  TRY(out.aux(Aux::hardware_2, 0));
  TRY(out.aux(Aux::file_name, texts.name.value()));
  TRY(out.aux(Aux::platform, texts.platform.value()));
  return out.aux(Aux::end, 0);
}
constexpr u64 kAuxWords = 2 * 19;

/// argv[1] and on lie behind each other; their addresses follow from where the first one is.
Result<void> write_arguments(StackWriter& out, const StartInfo& info, UserAddr name,
                             UserAddr first) {
  TRY(out.word(1 + info.arguments.size()));
  TRY(out.word(name.value()));
  for (const std::string_view argument : info.arguments) {
    TRY(out.word(first.value()));
    first = first + (argument.size() + 1);
  }
  TRY(out.word(0));    // the end of argv
  return out.word(0);  // of the environment: it is empty
}

}  // namespace

Result<UserAddr> build_initial_stack(UserSpace& space, UserRange stack, const StartInfo& info) {
  StackWriter out(space, stack);
  TRY(out.reserve(sizeof(u64)));  // a null word above it all, as on Linux
  Texts texts;
  texts.name = TRY(out.push(info.name));
  for (usize i = info.arguments.size(); i != 0; --i) TRY(out.push(info.arguments[i - 1]));
  const UserAddr first_argument = out.at();
  texts.platform = TRY(out.push(kPlatform));
  texts.random = TRY(out.push_bytes(std::as_bytes(std::span(info.random))));

  // argc, argv[0], the arguments, two ends.
  const u64 words = 4 + info.arguments.size() + kAuxWords;
  out.align(kStackAlignment);
  TRY(out.reserve(align_up(words * sizeof(u64), kStackAlignment)));
  const UserAddr stack_pointer = out.at();
  TRY(write_arguments(out, info, texts.name, first_argument));
  TRY(write_aux_vector(out, info, texts));
  CHECK(out.at() - stack_pointer == words * sizeof(u64));
  return stack_pointer;
}

}  // namespace meridian
