// SPDX-License-Identifier: MIT
#include "kernel/proc/program.h"

#include <arch/machine.h>

#include <atomic>

#include "kernel/init/system.h"
#include "kernel/proc/initial_stack.h"
#include "kernel/proc/thread.h"
#include "mm/user/active_user_space.h"

namespace meridian {
namespace {

constinit std::atomic<u64> next_pid{1};

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

/// Pages that the program can read and write, at `pages`, where nothing is.
UserSpace::Request data_at(UserRange pages) {
  UserSpace::Request request{.address = pages.start(), .size = pages.size(), .traits = {}};
  request.place = UserSpace::Place::fixed_no_replace;
  request.traits.protection = {.read = true, .write = true};
  return request;
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
  space_ = TRY(UserSpace::create());
  TRY(load_segments(image, file, bias));
  UserSpace::Request stack = data_at(layout.stack);
  stack.traits.grows_down = true;
  TRY(space_->map(stack));

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
  space_->set_break_start(image.span().end() + bias);
  name_ = name;
  pid_ = next_pid.fetch_add(1);
  return {};
}

Result<void> Program::load_segments(const ElfImage& image, std::span<const std::byte> file,
                                    u64 bias) {
  for (const ElfSegment& segment : image.segments())
    TRY(load_segment(segment, file.subspan(segment.offset, segment.file_size), bias));
  return {};
}

/// What the file has no bytes for gets its pages when it is touched.
Result<void> Program::load_segment(const ElfSegment& segment, std::span<const std::byte> bytes,
                                   u64 bias) {
  const UserRange pages(segment.pages().start() + bias, segment.pages().size());
  TRY(space_->map(data_at(pages)));
  TRY(space_->write(segment.memory.start() + bias, bytes));
  const Protection rights{.read = true, .write = segment.write, .execute = segment.execute};
  return space_->protect(pages.start(), pages.size(), rights);
}

ProgramEnd Program::run(OnFault on_fault) {
  CHECK(space_);
  on_fault_ = on_fault;
  const Running current(*this);
  const ActiveUserSpace active(*space_);
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

}  // namespace meridian
