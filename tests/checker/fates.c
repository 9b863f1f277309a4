/* Runs every schedule on every sample, each schedule in a child process, and prints for each what became of it:
 * one byte (0: it came to its end), a 64-bit sum per sample and layer, the outputs per sample.
 */
#include "fates.h"

#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

extern const entry entries[];
extern const unsigned entry_count, layer_count, input_bytes, output_bytes;

enum { PAGE = 4096, BELOW = 4096, PATIENCE = 10 };

static uint64_t *sums;

void note(unsigned layer, const void *out, int32_t pixels, int32_t pixel_bytes, int32_t stride)
{
    const uint8_t *pixel = out;
    for (int32_t x = 0; x < pixels; ++x, pixel += stride) {
        uint64_t hash = 14695981039346656037u + (uint64_t)x;
        for (int32_t i = 0; i < pixel_bytes; ++i) {
            hash = (hash ^ pixel[i]) * 1099511628211u;
        }
        sums[layer] += hash * hash; /* in any order of the rows */
    }
}

/* An arena that ends where a page that faults begins, in the midst of noise. */
static uint8_t *make_arena(uint32_t bytes, uint8_t **below)
{
    const size_t size = ((size_t)bytes + BELOW + PAGE - 1) / PAGE * PAGE;
    uint8_t *memory = mmap(NULL, size + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED || mprotect(memory + size, PAGE, PROT_NONE) != 0) {
        abort();
    }
    *below = memory;
    return memory + size - bytes;
}

static void fill(uint8_t *from, const uint8_t *to, uint32_t seed)
{
    for (; from != to; ++from) {
        seed = seed * 1664525u + 1013904223u;
        *from = (uint8_t)(seed >> 24);
    }
}

static void run(const entry *each, unsigned samples, const uint8_t *inputs, uint8_t *answer, int64_t limit)
{
    const struct itimerval timer = {.it_value = {.tv_sec = limit / 1000000, .tv_usec = limit % 1000000}};
    uint8_t *below[MOST_ARENAS], *noise[MOST_ARENAS], *arenas[MOST_ARENAS] = {NULL};
    for (uint32_t k = 0; k < each->arenas; ++k) {
        arenas[k] = make_arena(each->arena_bytes[k], &below[k]);
        const size_t room = (size_t)(arenas[k] - below[k]);
        noise[k] = malloc(room);
        fill(noise[k], noise[k] + room, 7 + k);
        memcpy(below[k], noise[k], room);
    }
    setitimer(ITIMER_PROF, &timer, NULL);
    for (unsigned sample = 0; sample < samples; ++sample) {
        sums = (uint64_t *)(void *)(answer + 8) + sample * layer_count;
        for (uint32_t k = 0; k < each->arenas; ++k) {
            fill(arenas[k], arenas[k] + each->arena_bytes[k], 99 + sample + 1000 * k);
        }
        each->run(arenas, inputs + (size_t)sample * input_bytes, answer + 8 + (size_t)samples * layer_count * 8 + (size_t)sample * output_bytes);
    }
    for (uint32_t k = 0; k < each->arenas; ++k) {
        if (memcmp(below[k], noise[k], (size_t)(arenas[k] - below[k])) != 0) {
            abort();
        }
    }
    answer[0] = 0;
    _exit(0);
}

int main(int count, char **words)
{
    const unsigned samples = (unsigned)atoi(words[count - 1]);
    const size_t length = 8 + (size_t)samples * (layer_count * 8 + output_bytes);
    uint8_t *inputs = malloc((size_t)samples * input_bytes + 1);
    if (fread(inputs, 1, (size_t)samples * input_bytes, stdin) != (size_t)samples * input_bytes) {
        return 1;
    }
    int64_t limit = 0;
    for (unsigned number = 0; number < entry_count; ++number) {
        uint8_t *answer = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        answer[0] = 1;
        const pid_t child = fork();
        if (child == 0) {
            run(&entries[number], samples, inputs, answer, limit);
        }
        struct rusage used;
        (void)wait4(child, NULL, 0, &used);
        if (number == 0) { /* the program itself says how long the others may take */
            limit = 50000 + PATIENCE * (used.ru_utime.tv_sec * 1000000 + used.ru_utime.tv_usec);
        }
        fwrite(answer, 1, 1, stdout);
        fwrite(answer + 8, 1, length - 8, stdout);
        munmap(answer, length);
    }
    return 0;
}
