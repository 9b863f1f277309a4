/* Runs the cases that driver.py prints after it: lays out inputs in buffers of exact size, calls the kernel row by row and range by
 * range as a schedule would, and writes [instructions, output bytes] of each case to a file. */
#include <stdint.h>
#include <string.h>

typedef struct {
    int32_t a, lo, hi, c;
} window;

typedef struct {
    const uint8_t *data; /* packed pixels of pixel_bytes */
    int32_t rows, columns, pixel_bytes, stride;
    window row_rule, column_rule;
    int32_t zero_point_rows; /* a row outside the tensor is a row of `zero_point`, else a null pointer */
    int32_t zero_point;
    int32_t misalignment, over_read;
} input;

typedef struct {
    void (*run)(void *out, const void *const *in, int32_t x0, int32_t x1, void *scratch);
    const input *inputs;
    int32_t input_count;
    int32_t rows, columns, pixel_bytes, stride;
    int32_t whole;
    const int32_t *ranges; /* pairs */
    int32_t range_count;
    int32_t scratch_bytes;
    int32_t misalignment;
    int32_t overlapping; /* the output starts `reach` bytes after input 0 in one buffer, pixels side by side */
    int32_t reach;
    int32_t descending; /* rows from the last to the first */
} test_case;

enum { MAX_INPUTS = 16, MAX_POINTERS = 4096, MAX_ALLOCATIONS = 64, GAP = 0x55, CANARY = 0xa7 };

#if defined(__arm__)

enum { SYS_OPEN = 1, SYS_CLOSE = 2, SYS_WRITE0 = 4, SYS_WRITE = 5, SYS_EXIT = 0x18 };

static int32_t semihosting(int32_t operation, const void *argument)
{
    register int32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

static int32_t result_file;

static void results_open(void)
{
    static const char name[] = "results.bin";
    const uint32_t argument[3] = {(uint32_t)name, 5, sizeof name - 1};
    result_file = semihosting(SYS_OPEN, argument);
}

static void results_write(const void *data, uint32_t bytes)
{
    const uint32_t argument[3] = {(uint32_t)result_file, (uint32_t)data, bytes};
    semihosting(SYS_WRITE, argument);
}

static void results_close(void)
{
    const uint32_t argument[1] = {(uint32_t)result_file};
    semihosting(SYS_CLOSE, argument);
}

static void give_up(const char *reason)
{
    semihosting(SYS_WRITE0, reason);
    semihosting(SYS_EXIT, (const void *)0x20023);
}

/* Canaries lie around each allocation, whose end need not be aligned. */
enum { BEFORE = 8, AFTER = 16 };
static uint8_t pool[3 << 20];
static uint32_t pool_used;

static uint8_t *take(uint32_t bytes)
{
    uint8_t *memory = pool + pool_used;
    pool_used += (bytes + 7u) & ~7u;
    return memory;
}

static void give_back(uint8_t *memory)
{
    (void)memory;
    pool_used = 0;
}

#define SYST ((volatile uint32_t *)0xe000e010)

/* SysTick ticks every 40 ns, an instruction takes 64 ns under -icount shift=6. */
static uint64_t started;
static volatile uint32_t wraps;

void systick_handler(void);
void systick_handler(void) { wraps = wraps + 1; }

static uint64_t ticks(void)
{
    uint32_t before, value, after;
    do {
        before = wraps;
        value = SYST[2];
        after = wraps;
    } while (before != after);
    return ((uint64_t)after << 24) + (0xffffffu - value);
}

static void count_start(void) { started = ticks(); }
static uint64_t count_stop(void) { return ticks() - started; }

#else

#include <stdio.h>
#include <stdlib.h>

static FILE *result_file;

static void results_open(void) { result_file = fopen("results.bin", "wb"); }
static void results_write(const void *data, uint32_t bytes) { fwrite(data, 1, bytes, result_file); }
static void results_close(void) { fclose(result_file); }
static void give_up(const char *reason)
{
    fputs(reason, stderr);
    exit(1);
}

/* The sanitizer sees what is not inside an allocation. */
enum { BEFORE = 0, AFTER = 0 };
static uint8_t *take(uint32_t bytes) { return (uint8_t *)malloc(bytes); }
static void give_back(uint8_t *memory) { free(memory); }
static void count_start(void) {}
static uint64_t count_stop(void) { return 0; }

#endif

static struct {
    uint8_t *start;
    uint32_t before, bytes;
} allocations[MAX_ALLOCATIONS];
static int32_t allocation_count;

/* So many bytes, `misalignment` after an aligned address. */
static uint8_t *allocate(uint32_t bytes, int32_t misalignment)
{
    const uint32_t before = BEFORE + (uint32_t)misalignment;
    uint8_t *start = take(before + bytes + AFTER);
    memset(start, CANARY, before);
    memset(start + before + bytes, CANARY, AFTER);
    allocations[allocation_count].start = start;
    allocations[allocation_count].before = before;
    allocations[allocation_count++].bytes = bytes;
    return start + before;
}

static void check_canaries(const uint8_t *at, uint32_t count)
{
    for (uint32_t i = 0; i < count; ++i) {
        if (at[i] != CANARY) {
            give_up("a kernel wrote outside of its output and its scratch\n");
        }
    }
}

static void release_all(void)
{
    while (allocation_count > 0) {
        --allocation_count;
        uint8_t *start = allocations[allocation_count].start;
        check_canaries(start, allocations[allocation_count].before);
        check_canaries(start + allocations[allocation_count].before + allocations[allocation_count].bytes, AFTER);
        give_back(start);
    }
}

static int32_t floor_divide(int32_t a, int32_t b) { return a >= 0 ? a / b : -((b - 1 - a) / b); }
static int32_t window_lo(const window *w, int32_t i) { return floor_divide(w->a * i + w->lo, w->c); }
static int32_t window_hi(const window *w, int32_t i) { return floor_divide(w->a * i + w->hi, w->c); }

static int32_t input_bytes(const input *source)
{
    return (source->rows * source->columns - 1) * source->stride + source->pixel_bytes + source->over_read;
}

static uint8_t *lay_out(const input *source, uint8_t *place)
{
    const int32_t pixels = source->rows * source->columns;
    const int32_t bytes = input_bytes(source);
    uint8_t *buffer = place;
    if (buffer == NULL) {
        buffer = allocate((uint32_t)bytes, source->misalignment);
        memset(buffer, GAP, (uint32_t)bytes);
    }
    for (int32_t i = 0; i < pixels; ++i) {
        memcpy(buffer + i * source->stride, source->data + i * source->pixel_bytes, (uint32_t)source->pixel_bytes);
    }
    return buffer;
}

static uint8_t *padding_row(const input *source)
{
    if (!source->zero_point_rows) {
        return NULL;
    }
    const int32_t bytes = (source->columns - 1) * source->stride + source->pixel_bytes + source->over_read;
    uint8_t *buffer = allocate((uint32_t)bytes, 0);
    memset(buffer, source->zero_point, (uint32_t)bytes);
    return buffer;
}

static int32_t point(const void **in, const input *source, const uint8_t *buffer, const uint8_t *outside, int32_t row, int32_t x0)
{
    const int32_t lo = window_lo(&source->row_rule, row), hi = window_hi(&source->row_rule, row);
    const int32_t first = window_lo(&source->column_rule, x0);
    const int32_t column = first > 0 ? first : 0;
    for (int32_t r = lo; r < hi; ++r) {
        const uint8_t *start = r >= 0 && r < source->rows ? buffer + r * source->columns * source->stride : outside;
        *in++ = start != NULL && column < source->columns ? start + column * source->stride : start;
    }
    return hi - lo;
}

static void run_case(const test_case *t)
{
    static const void *in[MAX_POINTERS];
    uint8_t *buffers[MAX_INPUTS], *outside[MAX_INPUTS];
    const uint32_t bytes = (uint32_t)((t->rows * t->columns - 1) * t->stride + t->pixel_bytes);
    uint8_t *place = NULL;
    uint8_t *out;
    if (t->overlapping) {
        const int32_t before = t->reach < 0 ? -t->reach : 0;
        const int32_t after = t->reach + (int32_t)bytes > input_bytes(&t->inputs[0]) ? t->reach + (int32_t)bytes : input_bytes(&t->inputs[0]);
        place = allocate((uint32_t)(before + after), 0) + before;
        out = place + t->reach;
    } else {
        out = allocate(bytes, t->misalignment);
    }
    void *scratch = t->scratch_bytes > 0 ? allocate((uint32_t)t->scratch_bytes, 0) : NULL;
    uint64_t total = 0;
    memset(out, GAP, bytes);
    for (int32_t i = 0; i < t->input_count; ++i) {
        buffers[i] = lay_out(&t->inputs[i], i == 0 ? place : NULL);
        outside[i] = padding_row(&t->inputs[i]);
    }
    for (int32_t step = 0; step < (t->whole ? 1 : t->rows); ++step) {
        const int32_t row = t->descending ? t->rows - 1 - step : step;
        for (int32_t range = 0; range < t->range_count; ++range) {
            const int32_t x0 = t->ranges[2 * range], x1 = t->ranges[2 * range + 1];
            int32_t count = 0;
            for (int32_t i = 0; i < t->input_count; ++i) {
                if (t->whole) {
                    in[count++] = buffers[i];
                } else {
                    count += point(in + count, &t->inputs[i], buffers[i], outside[i], row, x0);
                }
            }
            count_start();
            t->run(out + (row * t->columns + x0) * t->stride, in, x0, x1, scratch);
            total += count_stop();
        }
    }
    results_write(&total, sizeof total);
    results_write(out, bytes);
    release_all();
}

static void nothing(void *out, const void *const *in, int32_t x0, int32_t x1, void *scratch)
{
    (void)out, (void)in, (void)x0, (void)x1, (void)scratch;
}

/* What counting itself costs, once a call. */
static uint64_t overhead(void)
{
    void (*volatile run)(void *, const void *const *, int32_t, int32_t, void *) = nothing;
    uint64_t total = 0;
    for (int i = 0; i < 1000; ++i) {
        count_start();
        run(NULL, NULL, 0, 0, NULL);
        total += count_stop();
    }
    return total;
}

static int run_all(const test_case *cases, int32_t count)
{
    results_open();
    const uint64_t baseline = overhead();
    results_write(&baseline, sizeof baseline);
    for (int32_t i = 0; i < count; ++i) {
        run_case(&cases[i]);
    }
    results_close();
    return 0;
}

#if defined(__arm__)

int main(void);
extern uint32_t stack_top[];

static void reset(void)
{
#if defined(__ARM_FP)
    *(volatile uint32_t *)0xe000ed88 |= 0xfu << 20; /* CPACR: floating point and MVE */
    __asm__ volatile("dsb\n\tisb" ::: "memory");
#endif
    SYST[1] = 0xffffff;
    SYST[2] = 0;
    SYST[0] = 7;
    main();
    semihosting(SYS_EXIT, (const void *)0x20026);
}

static void fault(void) { semihosting(SYS_EXIT, (const void *)0x20023); }

__attribute__((section(".vectors"), used)) static const void *const vectors[16] = {
    stack_top, (const void *)reset, (const void *)fault, (const void *)fault, (const void *)fault, (const void *)fault,
    (const void *)fault, 0, 0, 0, 0, 0, 0, 0, 0, (const void *)systick_handler};

#endif
