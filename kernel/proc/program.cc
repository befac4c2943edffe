// SPDX-License-Identifier: MIT
#include "kernel/proc/program.h"

#include <arch/machine.h>

#include <atomic>

#include "kernel/init/system.h"
#include "kernel/proc/initial_stack.h"
#include "kernel/proc/thread.h"

namespace meridian {
namespace {

constinit std::atomic<u64> next_pid{1};

constexpr u64 kHeapMost = 1_GiB;

/// For an exception that is no abort.
Signal signal_of(arch::ExceptionClass ec) {
  switch (ec) {
    case arch::ExceptionClass::pc_alignment:
    case arch::ExceptionClass::sp_alignment:
      return kSigbus;
    case arch::ExceptionClass::brk64:
      return kSigtrap;
    case arch::ExceptionClass::fp_exception64:
      return kSigfpe;
    default:  // an instruction that is not there, or not for programs
      return kSigill;
  }
}

Signal signal_of(const arch::Fault& fault) {
  if (!fault.syndrome().is_abort()) return signal_of(fault.syndrome().ec());
  switch (fault.kind()) {
    case arch::FaultKind::alignment:
    case arch::FaultKind::external:
      return kSigbus;
    case arch::FaultKind::translation:
    case arch::FaultKind::access_flag:
    case arch::FaultKind::permission:
    case arch::FaultKind::other:
      return kSigsegv;
  }
  UNREACHABLE();
}

/// Not fit for secrets: the counter, stirred. (The C library's stack guard wants something that
/// differs.)
u64 some_number() {
  u64 x = arch::counter() + the_system().machine.kaslr_seed + next_pid.load();
  x = (x ^ x >> 30) * 0xbf58'476d'1ce4'e5b9;
  x = (x ^ x >> 27) * 0x94d0'49bb'1331'11eb;
  return x ^ x >> 31;
}

Attributes rights_of(const ElfSegment& segment) {
  if (segment.execute) return kUserText;
  return segment.write ? kUserData : kUserRodata;
}

/// `program` is this thread's current one, from construction to destruction.
class Running {
 public:
  explicit Running(Program& program) {
    CHECK(current_program() == nullptr);
    current_thread().program = &program;
  }
  ~Running() { current_thread().program = nullptr; }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
};

}  // namespace

Program* current_program() { return current_thread().program; }

Program::~Program() = default;

Result<void> Program::load(std::span<const std::byte> file, std::string_view name,
                           std::span<const std::string_view> arguments) {
  CHECK(!space_);
  const UserLayout layout = user_layout();
  const ElfImage::Limits limits{layout.lowest, layout.stack.start() - kPageSize};
  const ElfImage image = TRY(ElfImage::open(file, limits, problem_));
  const u64 bias = image.is_relocatable() ? layout.image.value() : 0;
  space_.emplace(TRY(AddressSpace::create()));
  TRY(load_segments(image, file, bias));
  TRY(space_->map_new(layout.stack, kUserData));

  const UserAddr entry = image.entry() + bias;
  const UserAddr headers = image.headers() == UserAddr(0) ? UserAddr(0) : image.headers() + bias;
  const StartInfo info{.name = name,
                       .arguments = arguments,
                       .entry = entry,
                       .headers = headers,
                       .header_count = image.header_count(),
                       .random = {some_number(), some_number()}};
  const UserAddr sp = TRY(build_initial_stack(*space_, layout.stack, info));
  context_ = arch::UserContext::starting_at(entry, sp);
  heap_start_ = break_ = image.span().end() + bias;
  name_ = name;
  pid_ = next_pid.fetch_add(1);
  return {};
}

Result<void> Program::load_segments(const ElfImage& image, std::span<const std::byte> file,
                                    u64 bias) {
  for (const ElfSegment& segment : image.segments()) {
    const UserRange pages = segment.pages();
    TRY(space_->map_new({pages.start() + bias, pages.size()}, rights_of(segment)));
    TRY(space_->write(segment.memory.start() + bias,
                      file.subspan(segment.offset, segment.file_size)));
  }
  return {};
}

ProgramEnd Program::run(OnFault on_fault) {
  CHECK(space_);
  on_fault_ = on_fault;
  const Running current(*this);
  const ActiveSpace active(*space_);
  arch::enter_user(context_);
  return end_;
}

void Program::exit(int status) {
  end_ = {.how = ProgramEnd::How::exited, .status = status & 0xff, .fault = {}};
  arch::leave_user(context_, 0);
}

void Program::kill(const arch::Fault& fault) {
  end_ = {.how = ProgramEnd::How::killed, .status = signal_of(fault), .fault = fault};
  arch::leave_user(context_, 0);
}

UserAddr Program::move_break(UserAddr end) {
  if (end < heap_start_ || end - heap_start_ > kHeapMost) return break_;
  const UserAddr old_end = break_.align_up(kPageSize), new_end = end.align_up(kPageSize);
  if (new_end > old_end) {
    const UserRange more = UserRange::between(old_end, new_end);
    if (!space_->map_new(more, kUserData).has_value()) return break_;
  } else if (new_end < old_end) {
    if (!space_->unmap(UserRange::between(new_end, old_end)).has_value()) return break_;
  }
  return break_ = end;
}

Result<UserRange> Program::find_gap(u64 size) const {
  const u64 lowest = user_layout().lowest.value(), top = user_layout().mmap_top.value();
  std::optional<UserRange> gap;  // the highest so far
  space_->dump(Coalesce::rights, [&](const DumpRun& run) {
    const u64 start = run.range.start().value() < lowest ? lowest : run.range.start().value();
    const u64 end = run.range.end().value() < top ? run.range.end().value() : top;
    if (run.kind == Kind::leaf || end <= start || end - start < size) return;
    gap = UserRange(UserAddr(end - size), size);
  });
  if (!gap) return Error{Errc::out_of_address_space, size};
  return *gap;
}

}  // namespace meridian
