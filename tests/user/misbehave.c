// SPDX-License-Identifier: MIT
/// Everything a program can do that it must not get away with: `misbehave KIND`. The kernel must
/// kill it; status 0 means that it lived.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint32_t kReturn = 0xd65f03c0;  // ret
static uint32_t code_in_data[] = {0xd65f03c0};

static int recurse(volatile char* above, unsigned long left) {
  volatile char here[4096];
  here[0] = above[0];
  return left == 0 ? 0 : recurse(here, left - 1) + here[0];
}

__attribute__((noinline, used)) static void call(const void* address) {
  ((void (*)(void))(uintptr_t)address)();
}

static void overflow_stack(void) {
  char first = 0;
  recurse(&first, 1UL << 40);
}
static void read_null(void) { (void)*(volatile int*)(uintptr_t)strtoul("0", NULL, 0); }
static void write_text(void) { *(volatile uint32_t*)(uintptr_t)call = 0; }
static void write_rodata(void) { *(volatile uint32_t*)(uintptr_t)&kReturn = 0; }
static void run_data(void) { call(code_in_data); }
static void run_stack(void) {
  volatile uint32_t code[1] = {0xd65f03c0};
  call((const void*)code);
}
static void run_heap(void) {
  uint32_t* const code = malloc(4);
  *code = kReturn;
  call(code);
}
static void jump_misaligned(void) { call((const char*)(uintptr_t)call + 2); }
static void use_misaligned_sp(void) {
  asm volatile("mov x9, sp\n sub x9, x9, #8\n mov sp, x9\n ldr x10, [sp]");
}
static void use_kernel_sp(void) {
  asm volatile("movz x9, #0xffff, lsl #48\n mov sp, x9\n str x10, [sp]");
}
static void run_undefined(void) { asm volatile(".inst 0"); }
static void run_breakpoint(void) { asm volatile("brk #1"); }
static void read_ttbr(void) { asm volatile("mrs x9, ttbr1_el1" ::: "x9"); }
static void write_vbar(void) { asm volatile("msr vbar_el1, xzr"); }
static void invalidate_tlb(void) { asm volatile("tlbi vmalle1"); }
static void translate(void) { asm volatile("at s1e1r, xzr"); }
static void mask_interrupts(void) { asm volatile("msr daifset, #2"); }
static void return_to_el1(void) { asm volatile("eret"); }
static void call_hypervisor(void) { asm volatile("hvc #0"); }
static void call_monitor(void) { asm volatile(".inst 0xd4000003"); }  // smc #0
static void halt(void) { asm volatile("hlt #1"); }
/// QEMU's semihosting call to end the machine, which is the kernel's to make.
static void semihost(void) {
  const unsigned long block[2] = {0x20026, 99};
  asm volatile("mov x0, #0x18\n mov x1, %0\n hlt #0xf000" ::"r"(block) : "x0", "x1", "memory");
}
static void zero_kernel(void) { asm volatile("dc zva, %0" ::"r"(0xffff000000000000)); }

static const struct {
  const char* kind;
  void (*function)(void);
} kKinds[] = {
    {"overflow", overflow_stack},
    {"null", read_null},
    {"write-text", write_text},
    {"write-rodata", write_rodata},
    {"run-data", run_data},
    {"run-stack", run_stack},
    {"run-heap", run_heap},
    {"jump-misaligned", jump_misaligned},
    {"sp-misaligned", use_misaligned_sp},
    {"sp-kernel", use_kernel_sp},
    {"undefined", run_undefined},
    {"breakpoint", run_breakpoint},
    {"read-ttbr", read_ttbr},
    {"write-vbar", write_vbar},
    {"tlbi", invalidate_tlb},
    {"at", translate},
    {"mask", mask_interrupts},
    {"eret", return_to_el1},
    {"hvc", call_hypervisor},
    {"smc", call_monitor},
    {"hlt", halt},
    {"semihost", semihost},
    {"zero-kernel", zero_kernel},
};

int main(int argc, char** argv) {
  for (unsigned i = 0; argc == 2 && i < sizeof kKinds / sizeof *kKinds; ++i) {
    if (strcmp(argv[1], kKinds[i].kind) != 0) continue;
    kKinds[i].function();
    printf("%s: lived\n", argv[1]);
    return 0;
  }
  return 2;
}
