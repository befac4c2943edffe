// SPDX-License-Identifier: MIT
/* abi-bench: what one unmodified static Linux/arm64 program pays for memory management.
 *
 * The same binary runs on any kernel that speaks the Linux arm64 ABI. Each row repeats one
 * operation and reports the counter ticks it took per operation. Run both kernels in the same
 * QEMU with -icount shift=0: the virtual counter then advances by executed guest instructions
 * (1 ns each), so ticks * (1e9 / CNTFRQ) is instructions per operation and does not depend on
 * the host's load. Output: one line a row, "BENCH <name> <ops> <instructions per op>".
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <sys/syscall.h>
#include <sched.h>

enum { PAGE = 4096 };

static inline uint64_t ticks(void) { uint64_t t; __asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(t) :: "memory"); return t; }
static inline uint64_t hz(void) { uint64_t f; __asm__ volatile("mrs %0, cntfrq_el0" : "=r"(f)); return f; }

static void die(const char *what) { perror(what); exit(1); }

static void report(const char *name, long ops, uint64_t t) {
    double per_op = (double)t * 1e9 / (double)hz() / (double)ops;
    printf("BENCH %-28s %8ld %12.1f\n", name, ops, per_op);
    fflush(stdout);
}

static void null_syscall(void) {
    long n = 20000;
    uint64_t t = ticks();
    for (long i = 0; i < n; i++) syscall(SYS_getppid);
    report("syscall.getppid", n, ticks() - t);
}

static void fault_touch(const char *name, size_t pages, int rounds) {
    uint64_t total = 0;
    for (int r = 0; r < rounds; r++) {
        char *p = mmap(0, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED) die("mmap");
        madvise(p, pages * PAGE, MADV_NOHUGEPAGE);
        uint64_t t = ticks();
        for (size_t i = 0; i < pages; i++) p[i * PAGE] = 1;
        total += ticks() - t;
        munmap(p, pages * PAGE);
    }
    report(name, (long)(pages * rounds), total);
}

static void populate(void) {
    size_t pages = 1024; uint64_t total = 0;
    for (int r = 0; r < 4; r++) {
        uint64_t t = ticks();
        char *p = mmap(0, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
        total += ticks() - t;
        if (p == MAP_FAILED) die("mmap");
        munmap(p, pages * PAGE);
    }
    report("mmap.populate.per.page", (long)(pages * 4), total);
}

static void read_fault(void) {
    size_t pages = 1024;
    char *p = mmap(0, pages * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) die("mmap");
    madvise(p, pages * PAGE, MADV_NOHUGEPAGE);
    volatile char sink; uint64_t t = ticks();
    for (size_t i = 0; i < pages; i++) sink = p[i * PAGE];
    report("fault.read.zero", (long)pages, ticks() - t);
    (void)sink; munmap(p, pages * PAGE);
}

static void map_unmap(const char *name, size_t pages, int touch, long n) {
    uint64_t t = ticks();
    for (long i = 0; i < n; i++) {
        char *p = mmap(0, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED) die("mmap");
        if (touch) for (size_t k = 0; k < pages; k++) p[k * PAGE] = 1;
        if (munmap(p, pages * PAGE)) die("munmap");
    }
    report(name, n, ticks() - t);
}

static void unmap_big(void) {
    size_t pages = 4096;
    char *p = mmap(0, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) die("mmap");
    madvise(p, pages * PAGE, MADV_NOHUGEPAGE);
    for (size_t k = 0; k < pages; k++) p[k * PAGE] = 1;
    uint64_t t = ticks();
    munmap(p, pages * PAGE);
    report("munmap.per.page", (long)pages, ticks() - t);
}

static void protect(void) {
    size_t pages = 256; long n = 200;
    char *p = mmap(0, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) die("mmap");
    for (size_t k = 0; k < pages; k++) p[k * PAGE] = 1;
    uint64_t t = ticks();
    for (long i = 0; i < n; i++) {
        if (mprotect(p, pages * PAGE, PROT_READ)) die("mprotect");
        if (mprotect(p, pages * PAGE, PROT_READ | PROT_WRITE)) die("mprotect");
    }
    report("mprotect.256p.pair", n, ticks() - t);
    munmap(p, pages * PAGE);
}

static void many_vmas(void) {
    /* alternate protections so that neighbours cannot merge: the cost of lookup in a big map */
    long n = 4000; char *base = mmap(0, n * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) die("mmap");
    uint64_t t = ticks();
    for (long i = 0; i < n; i += 2) if (mprotect(base + i * PAGE, PAGE, PROT_READ | PROT_WRITE)) die("mprotect");
    report("mprotect.split.4000vma", n / 2, ticks() - t);
    t = ticks();
    for (long i = 0; i < n; i += 2) base[i * PAGE] = 1;
    report("fault.in.4000vma", n / 2, ticks() - t);
    munmap(base, n * PAGE);
}

static void brk_pair(void) {
    long n = 2000; uint64_t t = ticks();
    for (long i = 0; i < n; i++) { if (sbrk(PAGE) == (void *)-1) die("sbrk"); sbrk(-PAGE); }
    report("brk.grow.shrink", n, ticks() - t);
}

static void fork_exit(const char *name, size_t pages, long n) {
    char *p = 0;
    if (pages) {
        p = mmap(0, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED) die("mmap");
        madvise(p, pages * PAGE, MADV_NOHUGEPAGE);
        for (size_t k = 0; k < pages; k++) p[k * PAGE] = 1;
    }
    uint64_t t = ticks();
    for (long i = 0; i < n; i++) {
        pid_t pid = fork();
        if (pid < 0) die("fork");
        if (!pid) _exit(0);
        if (waitpid(pid, 0, 0) != pid) die("waitpid");
    }
    report(name, n, ticks() - t);
    if (p) munmap(p, pages * PAGE);
}

static void cow_fault(void) {
    size_t pages = 1024;
    char *p = mmap(0, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) die("mmap");
    madvise(p, pages * PAGE, MADV_NOHUGEPAGE);
    for (size_t k = 0; k < pages; k++) p[k * PAGE] = 1;
    int fd[2]; if (pipe(fd)) die("pipe");
    pid_t pid = fork();
    if (pid < 0) die("fork");
    if (!pid) {
        uint64_t t = ticks();
        for (size_t k = 0; k < pages; k++) p[k * PAGE] = 2;
        t = ticks() - t;
        if (write(fd[1], &t, sizeof t) != sizeof t) _exit(1);
        _exit(0);
    }
    uint64_t t; if (read(fd[0], &t, sizeof t) != sizeof t) die("read");
    waitpid(pid, 0, 0); close(fd[0]); close(fd[1]);
    report("fault.cow", (long)pages, t);
    munmap(p, pages * PAGE);
}

static void pipe_switch(void) {
    long n = 2000; int a[2], b[2]; char c = 0;
    if (pipe(a) || pipe(b)) die("pipe");
    pid_t pid = fork();
    if (pid < 0) die("fork");
    if (!pid) {
        for (long i = 0; i < n; i++) { if (read(a[0], &c, 1) != 1) _exit(1); if (write(b[1], &c, 1) != 1) _exit(1); }
        _exit(0);
    }
    uint64_t t = ticks();
    for (long i = 0; i < n; i++) { if (write(a[1], &c, 1) != 1) die("write"); if (read(b[0], &c, 1) != 1) die("read"); }
    report("switch.pipe.roundtrip", n, ticks() - t);
    waitpid(pid, 0, 0);
}

static void yield_switch(void) {
    /* One CPU, two processes: every yield hands the CPU to the other address space. */
    long n = 2000; pid_t pid = fork();
    if (pid < 0) die("fork");
    if (!pid) { for (long i = 0; i < n; i++) sched_yield(); _exit(0); }
    uint64_t t = ticks();
    for (long i = 0; i < n; i++) sched_yield();
    report("switch.yield.2proc", n * 2, ticks() - t);
    waitpid(pid, 0, 0);
}

static void copy_in_out(void) {
    /* copy_to_user and copy_from_user through a pipe, 4 KiB at a time */
    long n = 1000; int fd[2]; static char buf[PAGE]; if (pipe(fd)) die("pipe");
    memset(buf, 1, sizeof buf);
    uint64_t t = ticks();
    for (long i = 0; i < n; i++) { if (write(fd[1], buf, PAGE) != PAGE) die("write"); if (read(fd[0], buf, PAGE) != PAGE) die("read"); }
    report("copy.pipe.4k.pair", n, ticks() - t);
    close(fd[0]); close(fd[1]);
}

static void exec_self(const char *self) {
    long n = 50; uint64_t t = ticks();
    for (long i = 0; i < n; i++) {
        pid_t pid = fork();
        if (pid < 0) die("fork");
        if (!pid) { execl(self, self, "--nothing", (char *)0); _exit(1); }
        int st; waitpid(pid, &st, 0); if (st) { puts("exec failed"); exit(1); }
    }
    report("fork.exec.exit.static", n, ticks() - t);
}

/* the floor: what zeroing one page costs with plain stores and with DC ZVA, no kernel involved */
static void floor_zero(void) {
    static char page[PAGE] __attribute__((aligned(4096))); long n = 2000;
    uint64_t dczid; __asm__("mrs %0, dczid_el0" : "=r"(dczid));
    if (dczid & 16) return;
    size_t line = 4u << (dczid & 15);
    uint64_t t = ticks();
    for (long i = 0; i < n; i++) for (char *p = page; p < page + PAGE; p += line) __asm__ volatile("dc zva, %0" :: "r"(p) : "memory");
    report("floor.zero.page.zva", n, ticks() - t);
}

int main(int argc, char **argv) {
    if (argc > 1 && !strcmp(argv[1], "--nothing")) return 0;
    printf("BENCH-BEGIN cntfrq=%llu\n", (unsigned long long)hz());
    floor_zero();
    null_syscall();
    fault_touch("fault.write.anon", 1024, 4);
    populate();
    read_fault();
    cow_fault();
    map_unmap("mmap.munmap.1p", 1, 0, 2000);
    map_unmap("mmap.touch.munmap.1p", 1, 1, 2000);
    map_unmap("mmap.touch.munmap.64p", 64, 1, 200);
    unmap_big();
    protect();
    many_vmas();
    brk_pair();
    fork_exit("fork.exit.wait", 0, 200);
    fork_exit("fork.exit.wait.4MiB", 1024, 50);
    exec_self(argc > 1 ? argv[1] : argv[0]);
    pipe_switch();
    yield_switch();
    copy_in_out();
    puts("BENCH-END");
    return 0;
}
